package traffic

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/capture"
)

// webhookDenied is how an API server reports a webhook's denial. The name tells whose it
// is: Kyverno's webhooks all end so, whatever they validate or mutate.
var webhookDenied = regexp.MustCompile(`(?s)^admission webhook "([^"]*)" denied the request: ?(.*)`)

// Said is what the webhook said of a denial, without what the API server puts before it.
func (a *Answer) Said() string {
	if denied := webhookDenied.FindStringSubmatch(a.Message); denied != nil {
		return denied[2]
	}
	return a.Message
}

var kyvernoWebhook = regexp.MustCompile(`kyverno\.svc(-|$)`)

// admissionPolicy is how an API server reports its own ValidatingAdmissionPolicies.
var admissionPolicy = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request`)

// unevaluated is how an API server refuses what a webhook's match conditions cannot be evaluated
// for, when its failure policy is Fail. No other webhooks than Kyverno's are in a fleet.
var unevaluated = regexp.MustCompile(`(?s) is forbidden: \[?expression '.*' resulted in error: `)

// classify reads an answer that is no success.
func (a *Answer) classify(rec *capture.Record, reason metav1.StatusReason) {
	denied := webhookDenied.FindStringSubmatch(a.Message)
	switch {
	case denied != nil && kyvernoWebhook.MatchString(denied[1]):
		a.Kind, a.Policies = Denied, policiesOf(denied[2])
	case admissionPolicy.MatchString(a.Message):
		a.Kind, a.Policies = Denied, []string{admissionPolicy.FindStringSubmatch(a.Message)[1]}
	case a.Code == http.StatusForbidden && unevaluated.MatchString(a.Message):
		a.Kind = Denied
	case denied != nil:
		a.Kind, a.Reason = Unjudged, "denied by the webhook "+denied[1]
	case strings.Contains(a.Message, "failed calling webhook"):
		a.Kind = WebhookError
	case rec.Operation == capture.Create && reason == metav1.StatusReasonAlreadyExists:
		a.Kind = Admitted // found to be there only after every webhook admitted it
	case a.Code >= 500 || a.Code == http.StatusTooManyRequests:
		a.Kind, a.Reason = Unjudged, "the API server answered "+http.StatusText(a.Code)
	default:
		a.Kind, a.Reason = Unjudged, why(a.Code, a.Message)
	}
}

var cannot = regexp.MustCompile(`User "[^"]*" cannot `)

func why(code int, message string) string {
	switch {
	case code == http.StatusForbidden && cannot.MatchString(message):
		return "not authorized: the captured roles do not allow it"
	case code == http.StatusForbidden:
		return "refused by built-in admission"
	case code == http.StatusNotFound:
		return "its namespace, its object or its resource is not in the cluster"
	case code == http.StatusConflict:
		return "in conflict with what is stored"
	case code == http.StatusUnprocessableEntity:
		return "not a valid object"
	}
	return "the API server answered " + http.StatusText(code)
}

// policiesOf reads the names of the policies from the message of a denial, sorted: of
// ClusterPolicies a YAML map below a heading, of CEL policies "Policy NAME failed: …".
func policiesOf(message string) []string {
	var names []string
	if _, body, ok := strings.Cut(message, "was blocked due to the following policies"); ok {
		var found map[string]any
		if yaml.Unmarshal([]byte(strings.TrimLeft(body, " \n")), &found) == nil {
			for n := range found {
				names = append(names, n)
			}
		}
	}
	for _, m := range celPolicy.FindAllStringSubmatch(message, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var celPolicy = regexp.MustCompile(`(?:^|; )Policy (\S+) (?:failed|error): `)
