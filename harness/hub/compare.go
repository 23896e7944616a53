package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Compare looks at a member: every object of its planned state must be there as planned,
// and none of those that are gone by the plan.
func Compare(ctx context.Context, m *Member, planned *placement.State, gone []policy.Object) (compared int, differences []timeline.Difference) {
	add := func(o *policy.Object, want, live string) {
		differences = append(differences, timeline.Difference{Cluster: m.Name, Object: title(o), Planned: want, Live: live})
	}
	for i := range planned.Delivered {
		o := &planned.Delivered[i].Object
		compared++
		if d := look(ctx, m, Change{Object: o}); d != nil {
			add(o, d.planned, d.live)
		}
	}
	for i := range gone {
		compared++
		if d := look(ctx, m, Change{Before: &gone[i]}); d != nil {
			add(&gone[i], d.planned, d.live)
		}
	}
	return compared, differences
}

// A difference is where an object is not as planned.
type difference struct{ planned, live string }

func (d *difference) Error() string { return "planned " + d.planned + ", found " + d.live }

// Look says how an object of a member is not as a change leaves it; nil: it is.
func Look(ctx context.Context, m *Member, c Change) error {
	if d := look(ctx, m, c); d != nil {
		return d
	}
	return nil
}

// Held is which of several versions of an object a member has: the most telling one of those
// that agree with what is there. -1: none, or there is no such object.
func Held(ctx context.Context, m *Member, versions []policy.Object) int {
	best, most := -1, -1
	for i := range versions {
		if look(ctx, m, Change{Object: &versions[i]}) == nil && len(versions[i].JSON) > most {
			best, most = i, len(versions[i].JSON)
		}
	}
	return best
}

// look reads an object of a member and says how it is not as the change leaves it; nil: it is.
func look(ctx context.Context, m *Member, c Change) *difference {
	o := c.Object
	if o == nil {
		o = c.Before
	}
	want, err := object(o)
	if err != nil {
		return &difference{"an object", err.Error()}
	}
	got, err := m.Objects.Get(ctx, want)
	switch {
	case err != nil:
		return &difference{"an answer", err.Error()}
	case c.Object == nil && got != nil && got.GetDeletionTimestamp() == nil:
		return &difference{"not there", "there"}
	case c.Object == nil:
		return nil
	case got == nil:
		return &difference{"there", "not there"}
	}
	var before map[string]any
	if c.Before != nil {
		if old, err := object(c.Before); err == nil {
			before = old.Object
		}
	}
	return differ("", want.Object, before, got.Object)
}

// differ is the first place, by name, where live is not what was planned. What live has
// besides is the API server's or a webhook's, unless it is left of what was there before.
func differ(at string, planned, before, live any) *difference {
	switch want := planned.(type) {
	case map[string]any:
		got, ok := live.(map[string]any)
		if !ok {
			return said(at, planned, live)
		}
		old, _ := before.(map[string]any)
		for _, k := range keys(want, old) {
			value, is := want[k]
			has, there := got[k]
			switch {
			case is && !there && !objects.Empty(value):
				return said(join(at, k), value, nil)
			case is && there:
				if d := differ(join(at, k), value, old[k], has); d != nil {
					return d
				}
			case !is && there && !filled(at, k, has):
				return said(join(at, k), nil, has)
			}
		}
		return nil
	case []any:
		got, ok := live.([]any)
		if !ok || len(got) != len(want) {
			return said(at, planned, live)
		}
		old, _ := before.([]any)
		for i := range want {
			var was any
			if i < len(old) {
				was = old[i]
			}
			if d := differ(fmt.Sprintf("%s[%d]", at, i), want[i], was, got[i]); d != nil {
				return d
			}
		}
		return nil
	}
	if text(planned) != text(live) {
		return said(at, planned, live)
	}
	return nil
}

// filled says whether a field that a version leaves out is what the API server fills in.
func filled(at, key string, value any) bool {
	return at == "" && key == "status" || at == "spec" && defaults[key] != nil && text(defaults[key]) == text(value)
}

// defaults are those of Kyverno's definitions.
var defaults = map[string]any{"admission": true, "background": true, "emitWarning": false, "validationFailureAction": "Audit", "failurePolicy": "Fail"}

func keys(maps ...map[string]any) []string {
	var out []string
	for _, m := range maps {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func said(at string, planned, live any) *difference {
	words := func(v any) string {
		if v == nil {
			return at + " absent"
		}
		return strings.TrimPrefix(at+": ", ": ") + text(v)
	}
	return &difference{words(planned), words(live)}
}

// text is a value as JSON, at most 80 bytes of it.
func text(v any) string {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(content) > 80 {
		return strings.ToValidUTF8(string(content[:80]), "") + "…"
	}
	return string(content)
}

func title(o *policy.Object) string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
}
