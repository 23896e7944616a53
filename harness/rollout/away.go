package rollout

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/existing"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
)

// takeOut takes out of the members' worlds what their traffic only creates, as a comparison does: the
// dry run of a creation would be judged against its own object. What the rehearsal needs stays.
func (r *rehearsal) takeOut() error {
	r.there = map[*Member]standing{}
	for _, m := range r.plan.Members {
		provider := cmp.Or(m.Provider, r.Provider.Kind())
		if provider == existing.Kind {
			continue // it has its own world
		}
		m.World = m.World.WithoutAll(func(_ capture.GVK, _, _ string, o *capture.WorldObject) bool { return o.IsWithheld() }) // initial cannot make them
		if r.plan.real() {
			continue // requests change it
		}
		sets := r.plan.setsOf(m)
		if m.Worst != nil {
			sets = append(sets, m.Worst)
		}
		away := onlyCreated(m.World, m.All, sets)
		stands, err := stand(m.World, m.All, sets, false, m.stays(provider))
		if err != nil {
			return fmt.Errorf("the world of %s: %w", m.Name, err)
		}
		r.there[m] = stands
		m.World = m.World.WithoutAll(func(gvk capture.GVK, namespace, name string, _ *capture.WorldObject) bool {
			id := identity{gvk.Group, gvk.Kind, namespace, name}
			return away(id) && stands[id] == nil
		})
	}
	return nil
}

// real tells of a plan whose traffic changes the clusters.
func (p *Plan) real() bool {
	return p.Scenario.Traffic.Real || slices.ContainsFunc(p.Stages, func(s *Stage) bool { return s.Traffic != nil && s.Traffic.Real })
}

// controllers work on the objects that are there, of any kind.
var controllers = []cluster.Component{cluster.KyvernoReports, cluster.KyvernoBackground, cluster.KyvernoCleanup}

// stays tells which objects the rehearsal needs although the traffic creates them: all that
// Kyverno's controllers work on, and what runs pods.
func (m *Member) stays(provider string) func(*unstructured.Unstructured) bool {
	has := func(c cluster.Component) bool { return slices.Contains(m.Components, string(c)) }
	all := slices.ContainsFunc(controllers, has) || m.Kind != nil && m.Kind.Workloads == scenarios.Pulled
	pods := provider == kind.Kind || has(cluster.ControllerManager)
	return func(o *unstructured.Unstructured) bool {
		return all || pods && (podOf(o) != nil || slices.Contains(withPods, o.GetKind()))
	}
}

// withPods are the kinds without which workloads do not run, scale or drain as they do.
var withPods = []string{"ConfigMap", "Secret", "Service", "PersistentVolumeClaim", "PersistentVolume", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
