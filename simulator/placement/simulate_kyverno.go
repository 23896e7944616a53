package placement

import (
	"fmt"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"github.com/seatrial/seatrial/simulator/policy"
)

// isPolicy tells whether Kyverno's own webhook looks at an object: while it is down, the
// object cannot be written. Measured for ClusterPolicies.
func isPolicy(o policy.Object) bool {
	return strings.HasSuffix(groupOf(o), "kyverno.io") && o.Kind != "PolicyException" && policy.IsPolicyKind(o.APIVersion, o.Kind)
}

// refusesIt is in the reason of what a member's own admission does not take.
const (
	refusesIt = " refuses it: "
	byServer  = "the member's API server"
)

// refusal is why a member would not take an object in the place of now, the empty object
// where it has none. What stays as it is passes nothing.
func (w *world) refusal(p *placed, cluster string, o, now policy.Object) string {
	if w.quiet || now.Digest == o.Digest {
		return ""
	}
	if object, err := decodeObject(&o); err != nil {
		return byServer + refusesIt + err.Error()
	} else if faults := metaFaults(&o, object); len(faults) > 0 {
		return byServer + refusesIt + utilerrors.NewAggregate(faults).Error()
	}
	if w.refuses == nil {
		return ""
	}
	r := w.refuses(cluster, o)
	for _, path := range r.Dropped { // the hub has dropped its own
		w.addMember("pruned", p, fmt.Sprintf("an override gives %s/%s the unknown field %q: the member's API server drops it", o.Kind, o.Name, path), "correct the path of the patch", cluster)
	}
	switch {
	case r.Reason == "":
		return ""
	case r.By == ByKyverno:
		return "the member's Kyverno" + refusesIt + r.Reason
	default:
		return byServer + refusesIt + r.Reason
	}
}

// kyvernoEvent stops or starts Kyverno on a member. When it is back, what failed is tried
// again: the member agent looks at it every 15 minutes at the latest.
func (w *world) kyvernoEvent(e Event) (string, error) {
	if findMember(w.members, e.Subject) < 0 {
		_, err := e.apply(w.members, w.clock)
		return "", err
	}
	if e.Args[0] == "down" {
		w.unguarded[e.Subject] = true
		return "requests are refused where policies fail closed; policies themselves can be neither made nor changed there, and KubeFleet notices nothing before it tries", nil
	}
	delete(w.unguarded, e.Subject)
	for _, p := range w.order {
		if d := p.deliveries[e.Subject]; d != nil && d.workIndex >= 0 && strings.Contains(d.failure, "failed calling webhook") {
			w.applyWork(p, e.Subject, d)
		}
	}
	return "what was refused is applied when the member agent tries again", nil
}
