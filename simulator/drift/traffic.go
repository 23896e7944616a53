package drift

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Traffic tells what the exceptions of a cluster did for the requests of its capture. It is
// fed the answers of two replays, with the exceptions and without.
type Traffic struct {
	Requests int
	uses     map[Ref]*useMeter
	policies map[policyKey]bool // that gave any verdict
}

// A Use is what an exception did in a capture.
type Use struct {
	Requests   int  `json:"requests"`          // that it applied to, what controllers make of templates included
	LetThrough int  `json:"letThrough"`        // of them, those that fail without exceptions
	Refused    int  `json:"refused"`           // of them, those that are refused without exceptions
	Shared     bool `json:"shared,omitempty"`  // others may have had a part: the engine does not tell them apart
	Unknown    int  `json:"unknown,omitempty"` // requests for which it could not be told
}

type useMeter struct {
	Use
	spec       map[string]any
	fine       bool // it allows values instead of skipping a policy: the engine does not name it
	names      map[policyKey]bool
	marks      map[string]bool // what of the exception some request needed
	namespaces map[string]bool // of the requests
}

// policyKey is a policy as exceptions name it.
type policyKey struct{ kind, name string }

const classicKind = "" // exceptions of kyverno.io name ClusterPolicies and Policies alike

// NewTraffic prepares the counts of the exceptions among the installed objects.
func NewTraffic(installed []policy.Object) *Traffic {
	t := &Traffic{uses: map[Ref]*useMeter{}, policies: map[policyKey]bool{}}
	for i := range installed {
		ref := RefOf(&installed[i])
		if !ref.IsException() {
			continue
		}
		spec := section(decode(installed[i].JSON), "spec")
		m := &useMeter{spec: spec, names: map[policyKey]bool{}, marks: map[string]bool{}, namespaces: map[string]bool{}}
		m.fine = len(asList(spec["images"]))+len(asList(spec["allowedValues"])) > 0
		for _, x := range entries(spec["exceptions"]) {
			m.names[policyKey{classicKind, fmt.Sprint(x["policyName"])}] = true
		}
		for _, r := range entries(spec["policyRefs"]) {
			m.names[policyKey{fmt.Sprint(r["kind"]), fmt.Sprint(r["name"])}] = true
		}
		t.uses[ref] = m
	}
	return t
}

// keyOfPolicy is how exceptions name the policy of a verdict.
func keyOfPolicy(p verdict.PolicyRef) policyKey {
	if p.Kind != "ClusterPolicy" && p.Kind != "Policy" {
		return policyKey{p.Kind, p.Name}
	}
	return policyKey{classicKind, strings.TrimPrefix(p.Namespace+"/"+p.Name, "/")}
}

func exceptionRef(p verdict.PolicyRef, name string) Ref {
	group := "policies.kyverno.io"
	if keyOfPolicy(p).kind == classicKind {
		group = "kyverno.io"
	}
	namespace, name, _ := strings.Cut(name, "/")
	return Ref{group, "PolicyException", namespace, name}
}

// touched is what one request says of one exception.
type touched struct{ used, needed, unknown bool }

// Add counts one request.
func (t *Traffic) Add(rec *capture.Record, with, without verdict.Judgement) {
	t.Requests++
	found := map[*useMeter]touched{}
	for i := range with.Verdicts {
		v := &with.Verdicts[i]
		t.policies[keyOfPolicy(v.Policy)] = true
		bare := twin(v, without.Verdicts)
		for _, name := range v.Exceptions {
			if m := t.uses[exceptionRef(v.Policy, name)]; m != nil {
				m.mark(rec, v)
				found[m] = found[m].and(touched{used: true, needed: fails(bare), unknown: undecided(bare)})
			}
		}
	}
	t.quiet(rec, with, without, found)
	for m, f := range found {
		m.count(f, with.Decision == verdict.Allowed && without.Decision == verdict.Denied)
		if f.used {
			m.namespaces[rec.Namespace] = true
		}
	}
}

// quiet finds the exceptions that the engine does not name: those that allow values, by
// what changes without them; and those of rules that could not be judged.
func (t *Traffic) quiet(rec *capture.Record, with, without verdict.Judgement, found map[*useMeter]touched) {
	for i := range without.Verdicts {
		bare := &without.Verdicts[i]
		v := twin(bare, with.Verdicts)
		if v != nil && len(v.Exceptions) > 0 || !fails(bare) && !undecided(bare) && !undecided(v) {
			continue
		}
		for _, m := range t.naming(bare.Policy) {
			switch {
			case undecided(v) || undecided(bare):
				found[m] = found[m].and(touched{unknown: true})
			case m.fine && !fails(v):
				m.mark(rec, bare)
				found[m] = found[m].and(touched{used: true, needed: true})
			}
		}
	}
}

// naming are the exceptions that name a policy.
func (t *Traffic) naming(p verdict.PolicyRef) []*useMeter {
	var out []*useMeter
	fine := 0
	for _, m := range t.uses {
		if m.names[keyOfPolicy(p)] {
			out = append(out, m)
			if m.fine {
				fine++
			}
		}
	}
	for _, m := range out {
		m.Shared = m.Shared || m.fine && fine > 1
	}
	return out
}

func (f touched) and(g touched) touched {
	return touched{f.used || g.used, f.needed || g.needed, f.unknown || g.unknown}
}

func (m *useMeter) count(f touched, refused bool) {
	if f.used {
		m.Requests++
	}
	if f.unknown && !f.needed {
		m.Unknown++
	}
	if f.needed {
		m.LetThrough++
		if refused {
			m.Refused++
		}
	}
}

// mark notes what of the exception the request needed.
func (m *useMeter) mark(rec *capture.Record, v *verdict.Verdict) {
	key := keyOfPolicy(v.Policy)
	m.marks["policy "+key.kind+" "+key.name] = true
	for _, x := range entries(m.spec["exceptions"]) {
		if x["policyName"] != key.name {
			continue
		}
		for _, r := range asList(x["ruleNames"]) {
			if pattern, ok := r.(string); ok && wildcard(pattern, v.Rule) {
				m.marks["rule "+key.name+" "+pattern] = true
			}
		}
	}
	name := nameOf(rec)
	for at, filter := range filters(m.spec) {
		if filter.takes(rec, name) {
			m.marks["filter "+index(at)] = true
			filter.each(func(field, value string) {
				if matches(field, value, rec, name) {
					m.marks[fmt.Sprintf("%d %s %s", at, field, value)] = true
				}
			})
		}
	}
}

// nameOf is the name by which Kyverno matches: the prefix of one that is not made yet.
func nameOf(rec *capture.Record) string {
	if rec.Name != "" {
		return rec.Name
	}
	var o struct {
		Metadata struct {
			GenerateName string `json:"generateName"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(rec.Object, &o) // a record without a body has no name
	return o.Metadata.GenerateName
}

// twin is the verdict of the same rule in another judgement; nil when it gave none.
func twin(v *verdict.Verdict, all []verdict.Verdict) *verdict.Verdict {
	at := slices.IndexFunc(all, func(w verdict.Verdict) bool {
		return w.Policy == v.Policy && w.Rule == v.Rule && w.Type == v.Type
	})
	if at < 0 {
		return nil
	}
	return &all[at]
}

func fails(v *verdict.Verdict) bool {
	return v != nil && (v.Outcome == verdict.Fail || v.Outcome == verdict.Warn)
}

func undecided(v *verdict.Verdict) bool { return v != nil && v.Outcome == verdict.Undecided }

// Use is what was counted of an exception; nil for one that was not there.
func (t *Traffic) Use(ref Ref) *Use {
	if m := t.uses[ref]; m != nil {
		use := m.Use
		return &use
	}
	return nil
}

func (m *useMeter) places() string {
	names := slices.Sorted(maps.Keys(m.namespaces))
	const most = 5
	if n := len(names); n > most {
		names = append(names[:most], fmt.Sprintf("%d more", n-most))
	}
	return strings.Join(names, ", ")
}
