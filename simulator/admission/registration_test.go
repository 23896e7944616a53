package admission

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// The CEL of an API server knows no names in backticks, Kyverno's does.
func TestNamesInBackticksAreNotRegistered(t *testing.T) {
	for expression, taken := range map[string]bool{
		"object.metadata.labels.`app.kubernetes.io/name` == 'web'":  false,
		"object.metadata.labels['app.kubernetes.io/name'] == 'web'": true,
		"object.metadata.name != '`'":                               true,
	} {
		err := RegistersWebhook(admissionregistrationv1.ValidatingWebhook{
			Name:            "one.kyverno.svc",
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "c", Expression: expression}},
		})
		if (err == nil) != taken {
			t.Errorf("%s: %v", expression, err)
		}
		if err != nil {
			const want = "matchConditions[0].expression: Invalid value: \"object.metadata.labels.`app.kubernetes.io/name` == 'web'\": compilation failed: ERROR: <input>:1:24: unsupported syntax: '`'"
			if got := err.Error(); len(got) < len(want) || got[:len(want)] != want {
				t.Errorf("%s", got)
			}
		}
	}
}
