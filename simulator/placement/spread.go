package placement

import (
	"fmt"
	"slices"
)

// spreading is what the topology spread constraints of a policy say of each member, given
// the clusters that are picked so far.
type spreading struct {
	violated map[string]string // the reason, for constraints that must hold
	scores   map[string]int
}

// missedSkew is taken from the score of a cluster that would break a constraint which is
// only wished for.
const missedSkew = 1000

func (r *round) spread(held map[string]bool) *spreading {
	out := &spreading{violated: map[string]string{}, scores: map[string]int{}}
	for _, must := range []bool{true, false} {
		for _, c := range r.policy.TopologySpreadConstraints {
			if must != (c.WhenUnsatisfiable != scheduleAnyway) {
				continue
			}
			domains := r.domains(c.TopologyKey, held)
			for _, m := range r.members {
				out.judge(m, c, domains, must)
			}
		}
	}
	return out
}

func (s *spreading) judge(m *Member, c spreadConstraint, domains *domains, must bool) {
	value, ok := m.Labels[c.TopologyKey]
	if !ok || s.violated[m.Name] != "" {
		return
	}
	most := 1
	if c.MaxSkew != nil {
		most = *c.MaxSkew
	}
	change := domains.change(value)
	switch violated := domains.largest-domains.smallest+change > most; {
	case violated && must:
		s.violated[m.Name] = fmt.Sprintf("violated doNotSchedule topology spread constraint %q (max skew %d)", c.TopologyKey, most)
	case violated:
		s.scores[m.Name] -= missedSkew
	default:
		s.scores[m.Name] -= change
	}
}

// domains counts picked clusters by the value of a label, over all members of the fleet.
type domains struct {
	counts                    map[string]int
	smallest, second, largest int
}

func (r *round) domains(key string, held map[string]bool) *domains {
	d := &domains{counts: map[string]int{}}
	for _, m := range r.members {
		if value, ok := m.Labels[key]; ok {
			d.counts[value] += rank(held[m.Name])
		}
	}
	var sorted []int
	for _, n := range d.counts {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	if len(sorted) > 0 {
		d.smallest, d.second, d.largest = sorted[0], sorted[0], sorted[len(sorted)-1]
	}
	if len(sorted) > 1 {
		d.second = sorted[1]
	}
	return d
}

// change is what one more cluster in a domain does to the skew.
func (d *domains) change(domain string) int {
	n := d.counts[domain]
	switch {
	case d.largest == d.smallest:
		return 1
	case n == d.smallest && d.smallest != d.second:
		return -1
	case n == d.largest:
		return 1
	}
	return 0
}
