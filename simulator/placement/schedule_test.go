package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// vectorMember is a member as vectors write it.
type vectorMember struct {
	Labels     map[string]string `json:"labels"`
	Taints     []string          `json:"taints"` // KEY=VALUE:NoSchedule
	Properties map[string]string `json:"properties"`
	Leaving    bool              `json:"leaving"`
	Agent      *vectorAgent      `json:"agent"` // none: joined and healthy
	Namespaces []string          `json:"namespaces"`
	Collected  bool              `json:"collected"` // the member's agent reports namespaces
}

// vectorAgent is what a member's agent says. Durations are before vectorClock.
type vectorAgent struct {
	Offline   bool   `json:"offline"` // it has never been heard of
	Heartbeat string `json:"heartbeat"`
	NotJoined bool   `json:"notJoined"`
	NoHealth  bool   `json:"noHealth"`
	Unhealthy string `json:"unhealthy"`
}

func (v vectorMember) member(t *testing.T, name string) *Member {
	t.Helper()
	m := NewMember(name, v.Labels)
	m.Properties, m.Leaving = v.Properties, v.Leaving
	for _, text := range v.Taints {
		taint, err := parseTaint(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Taints = append(m.Taints, taint)
	}
	if v.Agent != nil {
		v.Agent.set(t, m)
	}
	if v.Collected {
		if m.status == nil {
			m.report(metav1.ConditionTrue, vectorClock, vectorClock)
		}
		m.status.Conditions = append(m.status.Conditions, metav1.Condition{Type: "NamespaceCollectionSucceeded", Status: metav1.ConditionTrue})
		for _, namespace := range v.Namespaces {
			if m.status.Namespaces == nil {
				m.status.Namespaces = map[string]string{}
			}
			m.status.Namespaces[namespace] = "work"
		}
	}
	return m
}

func (a *vectorAgent) set(t *testing.T, m *Member) {
	t.Helper()
	ago := func(text string) time.Time {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return vectorClock.Add(-d)
	}
	if a.Offline {
		m.status = &memberStatus{}
		return
	}
	m.report(metav1.ConditionTrue, vectorClock, vectorClock)
	if a.Unhealthy != "" {
		m.report(metav1.ConditionFalse, ago(a.Unhealthy), vectorClock)
	}
	agent := &m.status.AgentStatus[0]
	if a.Heartbeat != "" {
		beat := metav1.NewTime(ago(a.Heartbeat))
		agent.LastReceivedHeartbeat = &beat
	}
	if a.NotJoined {
		agent.Conditions[0].Status = metav1.ConditionFalse
	}
	if a.NoHealth {
		agent.Conditions = agent.Conditions[:1]
	}
}

// schedulingFile holds vectors of the scheduler.
type schedulingFile struct {
	Fleet map[string]vectorMember `json:"fleet"` // of every case
	Cases []struct {
		about
		Fleet     map[string]vectorMember `json:"fleet"` // further members, or others of the same name
		Namespace string                  `json:"namespace"`
		Policy    string                  `json:"policy"`   // in flow style
		Index     int                     `json:"index"`    // of the policy snapshot
		Bindings  map[string]string       `json:"bindings"` // CLUSTER: STATE [INDEX [AFFINITY/SPREAD]]; Unscheduled<STATE
		Want      map[string]string       `json:"want"`     // bindings after it
		Condition string                  `json:"condition"`
		Reasons   map[string]string       `json:"reasons"` // of decisions: CLUSTER: REASON
		Sticky    []string                `json:"sticky"`
		Error     string                  `json:"error"`
	} `json:"cases"`
}

func TestScheduling(t *testing.T) {
	vectorFiles(t, "scheduling", func(t *testing.T, file schedulingFile) {
		for _, c := range file.Cases {
			vector(t, c.about, func(t *testing.T) {
				p := &placement{kind: "ClusterResourcePlacement", meta: meta{Name: "p", Namespace: c.Namespace}, policyGiven: c.Policy != ""}
				if c.Policy != "" {
					p.spec.Policy = &schedulingPolicy{}
					if err := yaml.UnmarshalStrict([]byte(c.Policy), p.spec.Policy); err != nil {
						t.Fatal(err)
					}
				}
				members := map[string]vectorMember{}
				maps.Copy(members, file.Fleet)
				maps.Copy(members, c.Fleet)
				var fleet []*Member
				for _, name := range slices.Sorted(maps.Keys(members)) {
					fleet = append(fleet, members[name].member(t, name))
				}
				var bindings []*binding
				for _, cluster := range slices.Sorted(maps.Keys(c.Bindings)) {
					bindings = append(bindings, parseBinding(t, cluster, c.Bindings[cluster]))
				}
				given := printBindings(bindings, c.Index)

				out, decisions, condition, err := schedule(p, c.Index, fleet, bindings, vectorClock)

				if text := fmt.Sprint(err); text != c.Error && !(err == nil && c.Error == "") {
					t.Errorf("error: want %q, got %q", c.Error, text)
				}
				if diff := cmp.Diff(c.Want, printBindings(out, c.Index)); diff != "" {
					t.Errorf("bindings (-want +got):\n%s", diff)
				}
				if got := fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message); c.Condition != "" && got != c.Condition {
					t.Errorf("condition: want %s\ngot %s", c.Condition, got)
				}
				checkDecisions(t, c.Reasons, c.Sticky, decisions)
				if diff := cmp.Diff(given, printBindings(bindings, c.Index)); diff != "" {
					t.Errorf("the given bindings have changed (-want +got):\n%s", diff)
				}
				slices.Reverse(fleet)
				slices.Reverse(bindings)
				again, _, _, _ := schedule(p, c.Index, fleet, bindings, vectorClock)
				if diff := cmp.Diff(printBindings(out, c.Index), printBindings(again, c.Index)); diff != "" {
					t.Errorf("the order of the input matters (-forwards +backwards):\n%s", diff)
				}
			})
		}
	})
}

func checkDecisions(t *testing.T, reasons map[string]string, sticky []string, got []Decision) {
	t.Helper()
	kept := []string{}
	byName := map[string]string{}
	for _, d := range got {
		if _, twice := byName[d.Cluster]; twice {
			t.Errorf("two decisions about %s", d.Cluster)
		}
		byName[d.Cluster] = d.Reason
		if d.Sticky {
			kept = append(kept, d.Cluster)
		}
		if d.Reason == "" {
			t.Errorf("no reason for %s", d.Cluster)
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(reasons)) {
		if diff := cmp.Diff(reasons[cluster], byName[cluster]); diff != "" {
			t.Errorf("reason of %s (-want +got):\n%s", cluster, diff)
		}
	}
	sameLines(t, "sticky", sticky, kept)
}

// parseBinding reads "Bound", "Scheduled 0", "Bound 0 10/-1" or "Unscheduled<Bound".
func parseBinding(t *testing.T, cluster, text string) *binding {
	t.Helper()
	words := strings.Fields(text)
	state, previous, _ := strings.Cut(words[0], "<")
	b := &binding{Cluster: cluster, State: bindingState(state), Previous: bindingState(previous)}
	if len(words) > 1 {
		if _, err := fmt.Sscan(words[1], &b.PolicyIndex); err != nil {
			t.Fatal(err)
		}
	}
	if len(words) > 2 {
		b.scored = true
		if _, err := fmt.Sscanf(words[2], "%d/%d", &b.AffinityScore, &b.SpreadScore); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// printBindings writes bindings as vectors do: the state, the index where it is not the
// given one, and the scores that are not 0.
func printBindings(bindings []*binding, index int) map[string]string {
	var out map[string]string
	for _, b := range bindings {
		text := string(b.State)
		if b.State == unscheduled {
			text += "<" + string(b.Previous)
		} else {
			if b.PolicyIndex != index {
				text += fmt.Sprintf(" %d", b.PolicyIndex)
			}
			if b.AffinityScore != 0 || b.SpreadScore != 0 {
				text += fmt.Sprintf(" %d/%d", b.AffinityScore, b.SpreadScore)
			}
		}
		if out == nil {
			out = map[string]string{}
		}
		out[b.Cluster] = text
	}
	return out
}
