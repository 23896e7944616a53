package kyverno

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// Kyverno leaves some of what a rule says to Go's random order of maps: which key of an object
// comes first, which one a wildcard stands for. Such a rule is asked once for each way; what
// comes out the same, is the answer.

// drawnKeys is what cannot be known of it.
var drawnKeys = miss{
	reason:  "Kyverno draws the order of an object's keys, or the key that a wildcard stands for, and it makes a difference",
	resolve: "change the policy: its answer differs from request to request",
}

// remade is a unit of a ClusterPolicy that can be made of another reading of it.
type remade interface {
	unit
	shared() *classic
	of(*classic) unit
}

func (u classicValidate) of(c *classic) unit   { return classicValidate{c} }
func (u classicMutate) of(c *classic) unit     { return classicMutate{c} }
func (u classicBackground) of(c *classic) unit { return classicBackground{c} }

func (u *classicScan) of(c *classic) unit {
	made := *u
	made.classic = c
	return &made
}

// way is a unit and a request for which nothing is left to draw.
type way struct {
	unit
	req *request
}

func (w way) eval(ctx context.Context) answer { return w.unit.eval(ctx, w.req) }

// waysOf are the ways in which a unit may be asked, the first of them the one that is told;
// none where nothing is drawn. unclear are the rules of which not all ways are known.
func waysOf(u unit, req *request) (ways []way, unclear []string) {
	r, ok := u.(remade)
	if !ok || req.env.draws() {
		return nil, nil
	}
	first, c := u, r.shared()
	if c.needs.wild {
		var drawn []*classic
		drawn, unclear = c.expanded(req)
		for i, one := range drawn {
			made := r.of(one)
			if i == 0 {
				first = made
			}
			ways = append(ways, way{made, req})
		}
	}
	if !c.needs.ordered {
		return ways, unclear
	}
	if len(ways) == 0 {
		ways = []way{{first, req}}
	}
	for _, jp := range req.env.jp.orders()[1:] {
		env, other := *req.env, *req
		env.jp, other.env, other.misses = jp, &env, misses{}
		other.classic.context = nil // it has a JMESPath of its own
		ways = append(ways, way{first, &other})
	}
	return ways, unclear
}

// withUnclear is an answer without what rules say that are unclear.
func withUnclear(got answer, rules []string) answer {
	if len(rules) == 0 {
		return got
	}
	got.forget(func(v verdict.Verdict) bool {
		unclear := slices.Contains(rules, v.Rule)
		if unclear && v.Type == verdict.Mutate {
			got.object, got.maybe = nil, false
		}
		return unclear
	})
	return got
}

// differs takes another answer of the same unit into account.
func (a *answer) differs(other answer, u unit) {
	c := u.(remade).shared()
	made := equalJSON(a.object, other.object) && reflect.DeepEqual(a.generated, other.generated)
	a.forget(func(v verdict.Verdict) bool {
		at := other.find(v)
		if at < 0 || other.verdicts[at].Outcome != v.Outcome || !slices.Equal(other.verdicts[at].Exceptions, v.Exceptions) {
			return true
		}
		return !made && c.needs.rules[v.Rule].ordered && v.Outcome == verdict.Pass
	})
	a.reword(other)
	for _, v := range other.verdicts {
		if a.find(v) < 0 { // of what the first way has no word
			a.verdicts = append(a.verdicts, unknownWay(v))
		}
	}
	if !made {
		a.object, a.maybe = nil, false
	}
	if a.refuses() && other.refuses() && (a.deny != other.deny || !maps.Equal(a.failures, other.failures)) {
		for rule := range other.failures {
			if _, ok := a.failures[rule]; !ok {
				return // it is not known whether that one refuses
			}
		}
		a.others = append(a.others, other)
	}
}

// reword notes what another answer has to say in the place of warnings.
func (a *answer) reword(other answer) {
	for _, v := range a.verdicts {
		told := warningOf(v, "")
		for _, w := range a.warnings {
			for _, o := range other.warnings {
				if o != w && strings.HasPrefix(w, told) && strings.HasPrefix(o, told) {
					a.reworded = withWords(a.reworded, map[string][]string{w: {o}})
				}
			}
		}
	}
}

// withWords is what may be said in the place of warnings, with more of it.
func withWords(all, more map[string][]string) map[string][]string {
	if len(more) == 0 {
		return all
	}
	both := map[string][]string{}
	for _, words := range []map[string][]string{all, more} {
		for warning, others := range words {
			for _, o := range others {
				if !slices.Contains(both[warning], o) {
					both[warning] = append(both[warning], o)
				}
			}
		}
	}
	return both
}

// warningOf is how Kyverno warns of what a rule of a ClusterPolicy says.
func warningOf(v verdict.Verdict, message string) string {
	return "policy " + v.Policy.Name + "." + v.Rule + ": " + message
}

func (a *answer) find(v verdict.Verdict) int {
	return slices.IndexFunc(a.verdicts, func(w verdict.Verdict) bool { return w.Rule == v.Rule && w.Type == v.Type })
}

// forget makes verdicts undecided, and takes back what they did.
func (a *answer) forget(which func(verdict.Verdict) bool) {
	refused := a.refuses()
	a.verdicts, a.failures = slices.Clone(a.verdicts), maps.Clone(a.failures)
	for i, v := range a.verdicts {
		if v.Outcome == verdict.Undecided || !which(v) {
			continue
		}
		if v.Rule == "" { // the engine panicked
			a.broken, a.dies = false, false
		}
		delete(a.failures, v.Rule)
		told := warningOf(v, "")
		a.warnings = slices.DeleteFunc(slices.Clone(a.warnings), func(w string) bool { return strings.HasPrefix(w, told) })
		a.generated = slices.DeleteFunc(slices.Clone(a.generated), func(g verdict.Generated) bool { return g.Rule == v.Rule })
		if v.Outcome == verdict.Fail || v.Outcome == verdict.Error {
			a.deny, a.wordless = "", false
		}
		a.verdicts[i] = unknownWay(v)
	}
	for _, v := range a.verdicts {
		if refused && !a.refuses() && v.Outcome == verdict.Fail && v.Action == verdict.Enforce {
			a.blame(v.Message) // for another rule
		}
	}
}

func unknownWay(v verdict.Verdict) verdict.Verdict {
	v.Message, v.Exceptions = "", nil
	return undecided(v, []miss{drawnKeys})
}
