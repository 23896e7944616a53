package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

func object(kind, spec string) Object {
	return Object{APIVersion: "kyverno.io/v1", Kind: kind, Name: "p",
		JSON: json.RawMessage(`{"apiVersion":"kyverno.io/v1","kind":"` + kind + `","metadata":{"name":"p"},"spec":` + spec + `}`)}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		reason, kind, spec string
		mode               Mode
		audit, enforce     string // a piece of the rewritten object
	}{
		{"a rule's own action counts before the policy's", "ClusterPolicy",
			`{"validationFailureAction":"Audit","rules":[{"validate":{"failureAction":"Enforce"}}]}`, Enforce,
			`"validate":{"failureAction":"Audit"}`, `"validate":{"failureAction":"Enforce"}`},
		{"the default is Audit", "ClusterPolicy", `{"rules":[{"validate":{}}]}`, Audit,
			`{"failureAction":"Audit"}`, `{"failureAction":"Enforce"}`},
		{"overrides by namespace would enforce in Audit", "ClusterPolicy",
			`{"rules":[{"validate":{"failureActionOverrides":[{"action":"Enforce"}]}}],"validationFailureActionOverrides":[{"action":"Enforce"}]}`, Audit,
			`"spec":{"rules":[{"validate":{"failureAction":"Audit"}}]}`, `failureActionOverrides`},
		{"image verification has a mode", "Policy", `{"rules":[{"verifyImages":[{}]}]}`, Audit,
			`"verifyImages":[{"failureAction":"Audit"}]`, `"verifyImages":[{"failureAction":"Enforce"}]`},
		{"CEL policies deny by default", "ValidatingPolicy", `{"validations":[]}`, Enforce,
			`"validationActions":["Audit"]`, `"validationActions":["Deny"]`},
		{"Warn beside Deny stays", "ValidatingPolicy", `{"validationActions":["Deny","Warn"]}`, Enforce,
			`["Audit"]`, `["Deny","Warn"]`},
		{"a policy that only mutates has no mode", "ClusterPolicy", `{"rules":[{"mutate":{}}]}`, "", "", ""},
		{"nor has a GeneratingPolicy", "GeneratingPolicy", `{"generate":[]}`, "", "", ""},
	} {
		o := object(c.kind, c.spec)
		if got := ModeOf(o); got != c.mode {
			t.Errorf("%s: mode %q, want %q", c.reason, got, c.mode)
		}
		for mode, want := range map[Mode]string{Audit: c.audit, Enforce: c.enforce} {
			out, ok := InMode(o, mode)
			if ok != (want != "") || !strings.Contains(string(out.JSON), want) {
				t.Errorf("%s: in %s: %v %s, want %s", c.reason, mode, ok, out.JSON, want)
			}
			if ok && ModeOf(out) != mode {
				t.Errorf("%s: ModeOf(InMode(%s)) = %q", c.reason, mode, ModeOf(out))
			}
		}
	}
}

func TestInNamespaces(t *testing.T) {
	for _, c := range []struct {
		reason, kind, spec, want string
		ok                       bool
	}{
		{"every alternative is limited", "ClusterPolicy", `{"rules":[{"match":{"any":[{"resources":{"kinds":["Pod"]}}]}}]}`, `{"kinds":["Pod"],"namespaces":["a"]}`, true},
		{"all filters are limited", "ClusterPolicy", `{"rules":[{"match":{"all":[{"resources":{"kinds":["Pod"]}}]}}]}`, `"namespaces":["a"]`, true},
		{"own namespaces are narrowed", "ClusterPolicy", `{"rules":[{"match":{"resources":{"kinds":["Pod"],"namespaces":["a*","b"]}}}]}`, `"namespaces":["a"]`, true},
		{"a rule for other namespaces goes, and the policy with its last rule", "ClusterPolicy", `{"rules":[{"match":{"any":[{"resources":{"kinds":["Pod"],"namespaces":["b"]}}]}}]}`, ``, false},
		{"CEL policies get a selector", "ValidatingPolicy", `{"matchConstraints":{"namespaceSelector":{"matchLabels":{"x":"y"}}}}`, `"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"In","values":["a"]}],"matchLabels":{"x":"y"}`, true},
	} {
		out, ok := InNamespaces(object(c.kind, c.spec), []string{"a"})
		if ok != c.ok || !strings.Contains(string(out.JSON), c.want) {
			t.Errorf("%s: %v %s", c.reason, ok, out.JSON)
		}
	}
}
