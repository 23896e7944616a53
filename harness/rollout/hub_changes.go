package rollout

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// delivery is the changes from what the hub has placed on a member to what it places next:
// policies and what comes with them, what others need first and what is deleted last.
func (in Input) delivery(m *Member, before, after *placement.State) []change {
	return in.between(m, delivered(before), delivered(after))
}

func (in Input) between(m *Member, now, want map[key]policy.Object) []change {
	out := in.changes(m, now, want)
	slices.SortStableFunc(out, func(a, b change) int { return cmp.Compare(a.turn(), b.turn()) })
	return out
}

// turn is when a change comes among others.
func (c *change) turn() int {
	if c.object == nil {
		return 1 + workloads + len(order)
	}
	return rank(c.object.Kind)
}

// delivered are the objects of a state by name.
func delivered(s *placement.State) map[key]policy.Object {
	out := map[key]policy.Object{}
	if s == nil {
		return out
	}
	for _, d := range s.Delivered {
		out[keyOf(&d.Object)] = d.Object
	}
	return out
}
