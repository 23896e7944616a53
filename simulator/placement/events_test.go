package placement

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eventsFile holds vectors of events: how they are read, what they make of a member, and
// which placements KubeFleet's scheduler looks at again.
type eventsFile struct {
	Fleet map[string]vectorMember `json:"fleet"`
	Cases []struct {
		about
		Event    string                  `json:"event"`
		Fleet    map[string]vectorMember `json:"fleet"` // further members, or others of the same name
		Error    string                  `json:"error"`
		Parsed   string                  `json:"parsed"`   // SUBJECT VERB [ARGS]
		Member   *vectorState            `json:"member"`   // after it
		Triggers *[]string               `json:"triggers"` // of PickAll, PickN full, PickN short, PickFixed full, PickFixed short
	} `json:"cases"`
}

type vectorState struct {
	Labels     map[string]string `json:"labels"` // without that of its name
	Taints     []string          `json:"taints"`
	Properties map[string]string `json:"properties"`
	Ineligible string            `json:"ineligible"`
}

func TestEvents(t *testing.T) {
	vectorFiles(t, "events", func(t *testing.T, file eventsFile) {
		for _, c := range file.Cases {
			vector(t, c.about, func(t *testing.T) {
				e, err := ParseEvent(c.Event)
				var before, after *Member
				if err == nil {
					var fleet, changed []*Member
					for _, members := range []map[string]vectorMember{file.Fleet, c.Fleet} {
						for name, m := range members {
							fleet = MergeMembers([]*Member{m.member(t, name)}, fleet)
						}
					}
					if i := findMember(fleet, e.Subject); i >= 0 {
						before = fleet[i]
					}
					was := fmt.Sprint(before)
					if changed, err = e.apply(fleet, vectorClock); err == nil {
						if i := findMember(changed, e.Subject); i >= 0 {
							after = changed[i]
						}
					}
					if is := fmt.Sprint(before); is != was {
						t.Errorf("the event has changed the member that was given: %s, was %s", is, was)
					}
				}
				if c.Error != "" || err != nil {
					sameLines(t, "error", []string{c.Error}, []string{fmt.Sprint(err)})
					return
				}
				if got := strings.TrimSpace(e.Subject + " " + e.Verb + " " + strings.Join(e.Args, " ")); c.Parsed != "" && got != c.Parsed {
					t.Errorf("parsed: want %q, got %q", c.Parsed, got)
				}
				if c.Member != nil {
					c.Member.compare(t, after)
				}
				if c.Triggers != nil {
					sameLines(t, "triggers", *c.Triggers, triggered(before, after))
				}
			})
		}
	})
}

func (want *vectorState) compare(t *testing.T, m *Member) {
	t.Helper()
	if m == nil {
		t.Fatal("the member is not there")
	}
	got := vectorState{Properties: m.Properties, Ineligible: m.ineligible(vectorClock)}
	for key, value := range m.Labels {
		if key == memberNameLabel {
			continue
		}
		if got.Labels == nil {
			got.Labels = map[string]string{}
		}
		got.Labels[key] = value
	}
	for _, taint := range m.Taints {
		got.Taints = append(got.Taints, strings.TrimPrefix(taint.String(), "&"))
	}
	if diff := cmp.Diff(*want, got); diff != "" {
		t.Errorf("member (-want +got):\n%s", diff)
	}
}

func triggered(before, after *Member) []string {
	out := []string{}
	for _, c := range []struct {
		name      string
		kind      PlacementType
		fulfilled bool
	}{{"PickAll", PickAll, true}, {"PickN full", PickN, true}, {"PickN short", PickN, false}, {"PickFixed full", PickFixed, true}, {"PickFixed short", PickFixed, false}} {
		p := &placement{spec: placementSpec{Policy: &schedulingPolicy{PlacementType: c.kind}}}
		if reschedules(p, before, after, vectorClock, c.fulfilled) {
			out = append(out, c.name)
		}
	}
	return out
}
