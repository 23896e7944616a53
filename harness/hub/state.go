package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Kinds of a hub that a rehearsal makes itself: members join as the fleet says, and
// approvals are given by gates.
var ours = []string{"MemberCluster", "InternalMemberCluster", "ClusterApprovalRequest", "ApprovalRequest"}

// ranks say in which order the objects of a state are written: what is placed comes before
// what places it, and runs come last because they start at once.
var ranks = []string{"CustomResourceDefinition", "Namespace", "", "ClusterResourceOverride", "ResourceOverride", "ClusterResourcePlacementDisruptionBudget",
	"ClusterStagedUpdateStrategy", "StagedUpdateStrategy", "ClusterResourcePlacement", "ResourcePlacement",
	"ClusterStagedUpdateRun", "StagedUpdateRun", "ClusterResourcePlacementEviction"}

func rank(kind string) int {
	if at := slices.Index(ranks, kind); at >= 0 {
		return at
	}
	return slices.Index(ranks, "")
}

// ordered are the objects of a state that are written, in their order.
func (s State) ordered() State {
	out := slices.DeleteFunc(slices.Clone(s), func(o policy.Object) bool { return slices.Contains(ours, o.Kind) || madeByHub(&o) })
	slices.SortStableFunc(out, func(a, b policy.Object) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
	return out
}

// id names an object whatever the version in which it is written.
func id(o *policy.Object) string {
	group, _, ok := strings.Cut(o.APIVersion, "/")
	if !ok {
		group = ""
	}
	return strings.Join([]string{group, o.Kind, o.Namespace, o.Name}, "/")
}

// Has says whether the state has an object of the name of o.
func (s State) Has(o *policy.Object) bool {
	return slices.ContainsFunc(s, func(x policy.Object) bool { return id(&x) == id(o) })
}

// Change writes what the state has and deletes what only the one before had. A hub that
// does not answer for a moment is asked again.
func (k *KubeFleet) Change(ctx context.Context, state State) error {
	next := state.ordered()
	for i := range next {
		o, err := object(&next[i])
		if err != nil {
			return err
		}
		shorten(o, k.compress)
		if strings.HasSuffix(o.GetKind(), "StagedUpdateRun") && !k.state.Has(&next[i]) {
			if err := k.scheduled(ctx, o); err != nil {
				k.log("%v", err) // the run says so too
			}
		}
		err = retry(ctx, 10*time.Second, 200*time.Millisecond, func(ctx context.Context) error { return k.hub.Apply(ctx, o) })
		if err != nil {
			return fmt.Errorf("hub: %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, old := range slices.Backward(k.state) {
		if next.Has(&old) {
			continue
		}
		o, err := object(&old)
		if err != nil {
			return err
		}
		if err := k.hub.Remove(ctx, o); err != nil {
			return fmt.Errorf("hub: delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	k.state = next
	return nil
}
