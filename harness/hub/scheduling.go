package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/placement"
)

// A Decided placement is one whose scheduling the hub has written down: KubeFleet's latest
// scheduling policy snapshot of it. Unpicked clusters are there as far as KubeFleet lists
// them, 20 at most.
type Decided struct {
	Kind, Namespace, Name string // of the placement
	Scheduled             placement.Condition
	Clusters              []placement.Decision
}

// CompareScheduling sets what the scheduler decided beside what the plan says of a
// placement: the outcome, and for each of the clusters whether it is picked and why.
func CompareScheduling(planned placement.Placement, live Decided, clusters []string) (compared int, differences []timeline.Difference) {
	object := fmt.Sprintf("%s %s: scheduling", planned.Kind, strings.TrimPrefix(planned.Namespace+"/"+planned.Name, "/"))
	check := func(cluster, want, got string) {
		compared++
		if want != got {
			differences = append(differences, timeline.Difference{Cluster: cluster, Object: object, Planned: want, Live: got})
		}
	}
	check("", planned.Scheduled.Status+" "+planned.Scheduled.Reason, live.Scheduled.Status+" "+live.Scheduled.Reason)
	for _, d := range planned.Decisions {
		if !slices.Contains(clusters, d.Cluster) {
			continue
		}
		at := slices.IndexFunc(live.Clusters, func(l placement.Decision) bool { return l.Cluster == d.Cluster })
		switch {
		case at >= 0:
			check(d.Cluster, decision(d), decision(live.Clusters[at]))
		case d.Selected:
			check(d.Cluster, decision(d), "not picked")
		default: // nobody tells why
			check(d.Cluster, "not picked", "not picked")
		}
	}
	return compared, differences
}

// decision is a decision in words. Reasons that count minutes differ from moment to moment.
func decision(d placement.Decision) string {
	what := "not picked: "
	if d.Selected {
		what = "picked: "
	}
	reason, _, _ := strings.Cut(d.Reason, " (last ")
	return what + reason
}

// Scheduling is what the hub's scheduler has decided, once its cycles are through.
func (k *KubeFleet) Scheduling(ctx context.Context) ([]Decided, error) {
	var out []Decided
	for _, from := range []struct{ snapshots, kind string }{
		{"clusterschedulingpolicysnapshots", "ClusterResourcePlacement"}, {"schedulingpolicysnapshots", "ResourcePlacement"},
	} {
		list, err := k.hub.Dynamic.Resource(fleetResource(from.snapshots)).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes-fleet.io/is-latest-snapshot=true"})
		if err != nil {
			return nil, fmt.Errorf("hub: %s: %w", from.snapshots, err)
		}
		for i := range list.Items {
			out = append(out, decided(from.kind, &list.Items[i]))
		}
	}
	return out, nil
}

func decided(kind string, snapshot *unstructured.Unstructured) Decided {
	d := Decided{Kind: kind, Namespace: snapshot.GetNamespace(), Name: snapshot.GetLabels()["kubernetes-fleet.io/parent-CRP"]}
	if c := conditionOf(snapshot.Object, "Scheduled"); c != nil {
		d.Scheduled = placement.Condition{Status: word(c["status"]), Reason: word(c["reason"]), Message: word(c["message"])}
	}
	targets, _, _ := unstructured.NestedSlice(snapshot.Object, "status", "targetClusters")
	for _, x := range targets {
		t, _ := x.(map[string]any)
		one := placement.Decision{Cluster: word(t["clusterName"]), Reason: word(t["reason"])}
		one.Selected, _ = t["selected"].(bool)
		d.Clusters = append(d.Clusters, one)
	}
	return d
}

func word(v any) string {
	s, _ := v.(string)
	return s
}

// schedulingPatience is how long the scheduler may take to come to the plan's decisions
// after the last stage.
const schedulingPatience = 5 * time.Second

// AwaitScheduling compares the hub's decisions with a plan's for the clusters, and again for
// a while where they differ: cycles may still be under way. It compares nothing where a
// driver has no decisions of its own.
func AwaitScheduling(ctx context.Context, d Driver, plan *placement.Plan, clusters []string) (compared int, differences []timeline.Difference, err error) {
	err = retry(ctx, schedulingPatience, 250*time.Millisecond, func(ctx context.Context) error {
		compared, differences = 0, nil
		live, err := d.Scheduling(ctx)
		if err != nil || live == nil {
			return err
		}
		for _, p := range plan.Placements {
			at := slices.IndexFunc(live, func(l Decided) bool { return l.Kind == p.Kind && l.Namespace == p.Namespace && l.Name == p.Name })
			found := Decided{}
			if at >= 0 {
				found = live[at]
			}
			n, list := CompareScheduling(p, found, clusters)
			compared, differences = compared+n, append(differences, list...)
		}
		if len(differences) > 0 {
			return errDiffer
		}
		return nil
	})
	if errors.Is(err, errDiffer) {
		err = nil
	}
	return compared, differences, err
}

// scheduled waits until the placement of a run is scheduled, as a person would: a run that
// comes before that fails for good, "no latest policy snapshot found".
func (k *KubeFleet) scheduled(ctx context.Context, run *unstructured.Unstructured) error {
	name, _, _ := unstructured.NestedString(run.Object, "spec", "placementName")
	return retry(ctx, agentPatience, 200*time.Millisecond, func(ctx context.Context) error {
		list, err := k.Scheduling(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(d Decided) bool {
			return d.Name == name && d.Namespace == run.GetNamespace() && d.Scheduled.Status == "True"
		}) {
			return fmt.Errorf("run %s: its placement %s is not scheduled", run.GetName(), name)
		}
		return nil
	})
}
