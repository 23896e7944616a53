package reports

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// count fills the totals, and each cluster's first and last stage.
func (p *Plan) count() {
	changed, others := map[placement.ObjectRef]bool{}, map[placement.ObjectRef]bool{}
	first, last := map[string]int{}, map[string]int{}
	for i := range p.Stages {
		s := &p.Stages[i]
		moves := false
		for _, c := range s.Changes {
			if c.Policy && isPolicy(c.Object.Kind) {
				changed[keyOf(c.Object)] = true
			} else {
				others[keyOf(c.Object)] = true
			}
			if !c.Policy {
				continue
			}
			moves = true
			for _, m := range c.Clusters {
				if first[m] == 0 {
					first[m] = s.Number
				}
				last[m] = s.Number
			}
		}
		if moves {
			p.Totals.StagesChanging++
		}
	}
	for i := range p.Clusters {
		p.Clusters[i].First, p.Clusters[i].Last = first[p.Clusters[i].Name], last[p.Clusters[i].Name]
	}
	for i := range p.Policies {
		if classOf(p.Policies[i].Object) == 0 {
			p.Totals.Policies++
		}
	}
	p.Totals.Clusters, p.Totals.ClustersChanged = len(p.Clusters), len(first)
	p.Totals.PoliciesChanged, p.Totals.OthersChanged = len(changed), len(others)
	p.Totals.NewlyEnforcing = len(p.newlyEnforcing())
	p.Totals.Behind = len(p.behind())
}

// newlyEnforcing are the clusters where in the end a policy enforces that did not before.
func (p *Plan) newlyEnforcing() map[string]bool {
	out := map[string]bool{}
	for i := range p.Policies {
		enforced := map[string]bool{}
		for _, h := range p.Policies[i].Before {
			for _, m := range h.Clusters {
				enforced[m] = h.Version.Mode == policy.Enforce
			}
		}
		for _, h := range p.Policies[i].After {
			for _, m := range h.Clusters {
				if h.Version.Mode == policy.Enforce && !enforced[m] {
					out[m] = true
				}
			}
		}
	}
	return out
}

// behind are the clusters that in the end do not hold what the hub intends: they hold a
// policy as it was, or lack what does not reach them, or keep what is no longer theirs.
func (p *Plan) behind() map[string]bool {
	out := map[string]bool{}
	for _, x := range p.Shortfalls() {
		for _, c := range x.Clusters {
			out[c] = true
		}
	}
	return out
}

// planHeadline says the plan in one sentence: how much changes, where, in how many
// stages, when production's turn is, and what goes wrong.
func planHeadline(p *Plan) string {
	t := &p.Totals
	text := fmt.Sprintf("nothing changes on %s", Count(t.Clusters, "cluster"))
	if t.PoliciesChanged > 0 || t.ClustersChanged > 0 {
		text = fmt.Sprintf("%s %s on %s of %s in %s", subject(p), verb(p), Number(t.ClustersChanged), Count(t.Clusters, "cluster"), Count(t.StagesChanging, "stage"))
		if turn := productionsTurn(p); turn != "" {
			text += ", " + turn
		}
	} else if t.OthersChanged > 0 {
		text = fmt.Sprintf("no policy changes on %s", Count(t.Clusters, "cluster"))
	}
	if t.NewlyEnforcing > 0 {
		text += "; newly enforced on " + Count(t.NewlyEnforcing, "cluster")
	}
	if t.Behind > 0 {
		text += "; " + stay(t.Behind) + " behind what the hub intends"
	}
	if len(p.Refusals) > 0 {
		text += "; " + p.Refusals[0]
		if n := len(p.Refusals) - 1; n > 0 {
			text += " and " + Count(n, "more refusal")
		}
	}
	return text
}

func stay(n int) string {
	if n == 1 {
		return "1 cluster stays"
	}
	return Number(n) + " clusters stay"
}

// subject is what changes: policies, or where none does, exceptions and the like.
func subject(p *Plan) string {
	if n := p.Totals.PoliciesChanged; n > 0 {
		return fmt.Sprintf("%s of %s", Number(n), policies(p.Totals.Policies))
	}
	return Count(p.Totals.OthersChanged, "other object")
}

func policies(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return Number(n) + " policies"
}

// verb is "arrive" or "go" where all changes are of one kind, and else "change".
func verb(p *Plan) string {
	found := map[string]bool{}
	for i := range p.Stages {
		for _, c := range p.Stages[i].Changes {
			if c.Policy {
				found[c.Change] = true
			}
		}
	}
	say := "changed"
	if len(found) == 1 {
		say = slices.Collect(maps.Keys(found))[0]
	}
	words := map[string][2]string{"added": {"arrives", "arrive"}, "removed": {"goes", "go"}, "changed": {"changes", "change"}}[say]
	if p.Totals.PoliciesChanged == 1 || p.Totals.PoliciesChanged == 0 && p.Totals.OthersChanged == 1 {
		return words[0]
	}
	return words[1]
}

// productionsTurn says when the clusters of production change, where the labels tell
// production from the others: "production last".
func productionsTurn(p *Plan) string {
	const none = 1 << 30
	firstProd, lastProd, firstOther, lastOther := none, 0, none, 0
	known := false
	for i := range p.Clusters {
		c := &p.Clusters[i]
		known = known || c.Production
		switch {
		case c.First == 0:
		case c.Production:
			firstProd, lastProd = min(firstProd, c.First), max(lastProd, c.Last)
		default:
			firstOther, lastOther = min(firstOther, c.First), max(lastOther, c.Last)
		}
	}
	switch {
	case !known || lastOther == 0 && lastProd > 0:
		return ""
	case lastProd == 0:
		return "production not at all"
	case firstProd > lastOther:
		return "production last"
	case lastProd < firstOther:
		return "production first"
	case firstProd <= firstOther:
		return "production from the first"
	}
	return fmt.Sprintf("production from stage %d", firstProd)
}
