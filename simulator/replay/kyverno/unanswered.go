package kyverno

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// How long an API server waits for Kyverno, in seconds, where a policy does not say.
const webhookTimeout = 10

// unanswered is what a policy says of requests that Kyverno does not answer in time.
type unanswered struct {
	passes bool // the API server lets them through; else it refuses them
	after  int  // seconds
}

// unansweredBy reads it where each kind has it.
func unansweredBy(o policy.Object) unanswered {
	var p struct {
		Spec struct {
			FailurePolicy         string `json:"failurePolicy"`
			WebhookTimeoutSeconds int    `json:"webhookTimeoutSeconds"`
			WebhookConfiguration  struct {
				FailurePolicy  string `json:"failurePolicy"`
				TimeoutSeconds int    `json:"timeoutSeconds"`
			} `json:"webhookConfiguration"`
		} `json:"spec"`
	}
	_ = json.Unmarshal(o.JSON, &p) // what does not decode is rejected elsewhere
	out := unanswered{passes: p.Spec.FailurePolicy == "Ignore", after: webhookTimeout}
	if own := p.Spec.WebhookConfiguration.FailurePolicy; own != "" {
		out.passes = own == "Ignore"
	}
	for _, seconds := range []int{p.Spec.WebhookTimeoutSeconds, p.Spec.WebhookConfiguration.TimeoutSeconds} {
		if seconds > 0 {
			out.after = seconds
		}
	}
	return out
}

// failsOpen says which enforcing policies of a set do not hold when Kyverno is slow or gone:
// whether it is no replay can foretell. Empty where all hold.
func failsOpen(set *policy.Set) string {
	var names []string
	for _, o := range set.Objects {
		webhook := strings.HasPrefix(o.APIVersion, "kyverno.io/") || strings.HasPrefix(o.APIVersion, "policies.kyverno.io/")
		if says := unansweredBy(o); webhook && says.passes && policy.ModeOf(o) == policy.Enforce {
			names = append(names, fmt.Sprintf("%s (after %d s)", strings.TrimPrefix(o.Namespace+"/"+o.Name, "/"), says.after))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "enforcing policies with failurePolicy Ignore let requests through that Kyverno does not answer in time: " + strings.Join(names, ", ")
}
