package rollout

import (
	"slices"
	"testing"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// A policy that demands signatures of policies is gone while others are written, whatever
// becomes of it.
func TestPoliciesThatJudgePoliciesComeLast(t *testing.T) {
	o := &policy.Object{}
	ch := func(name, action string, before, object *policy.Object) change {
		return change{Change: timeline.Change{Policy: name, Action: action}, before: before, object: object}
	}
	judges := map[string]bool{"signed": true, "old-signed": true}
	var got []string
	for _, c := range judgesLast([]change{
		ch("a", "created", nil, o), ch("signed", "updated", o, o), ch("old-signed", "deleted", o, nil), ch("z", "deleted", o, nil),
	}, judges) {
		got = append(got, c.Policy+" "+c.Action)
		if (c.object == nil) != (c.Action == "deleted") || (c.before == nil) != (c.Action == "created") {
			t.Errorf("%s %s from %v to %v", c.Policy, c.Action, c.before, c.object)
		}
	}
	want := []string{"signed deleted", "old-signed deleted", "a created", "z deleted", "signed created"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Exceptions are there before their policies.
func TestExceptionsComeFirst(t *testing.T) {
	var got []string
	for _, ch := range exceptionsFirst([]change{
		{Change: timeline.Change{Policy: "NamespacedValidatingPolicy lab/p"}}, {Change: timeline.Change{Policy: "PolicyException lab/x"}}, {Change: timeline.Change{Policy: "ClusterPolicy c"}},
	}) {
		got = append(got, ch.Policy)
	}
	if want := []string{"PolicyException lab/x", "NamespacedValidatingPolicy lab/p", "ClusterPolicy c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Data that requests create is not there before, so that the API server shows what policies
// make of it; but for what a policy looks up by its name.
func TestCreatedDataDoesNotStand(t *testing.T) {
	w, err := capture.NewWorld(capture.Cluster{Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	created := func(name string) *capture.Record {
		return &capture.Record{
			Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "ConfigMap"}, Resource: capture.GVR{Version: "v1", Resource: "configmaps"},
			Namespace: "shop", Name: name, Object: []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + name + `","namespace":"shop"}}`),
		}
	}
	set := policy.FromObjects("s", []policy.Object{{Kind: "ClusterPolicy", Name: "p", JSON: []byte(`{"context":[{"configMap":{"name":"limits","namespace":"set-up"}}]}`)}})
	stands, err := stand(w, []*capture.Record{created("limits"), created("settings"), created("set")}, []*policy.Set{set}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) bool {
		_, ok := stands[identity{"", "ConfigMap", "shop", name}]
		return ok
	}
	if !at("limits") || at("settings") || at("set") {
		t.Errorf("limits %v, settings %v, set %v", at("limits"), at("settings"), at("set"))
	}
}

// A decision that rests on the order of policies, which the cluster draws, is none to compare.
func TestADecisionOfADrawnOrderIsNoMiss(t *testing.T) {
	for _, test := range []struct {
		unordered       []verdict.PolicyRef
		misses, unknown int
	}{{nil, 1, 0}, {[]verdict.PolicyRef{{Kind: "MutatingPolicy", Name: "a"}, {Kind: "MutatingPolicy", Name: "b"}}, 0, 1}} {
		c := &comparison{rehearsal: &rehearsal{}}
		set := &compared{gone: newTally(), unknown: newTally(), out: &timeline.Comparison{}}
		for _, name := range parts {
			set.out.Parts = append(set.out.Parts, timeline.Part{Name: name})
		}
		l := &live{Member: &Member{Records: []*capture.Record{{Operation: capture.Create, Name: "web"}}}, before: make([]traffic.Answer, 1)}
		c.record(set, l, 0, verdict.Judgement{Decision: verdict.Denied, Unordered: test.unordered}, traffic.Answer{Kind: traffic.Admitted}, false)
		if len(set.out.Misses) != test.misses || len(set.unknown.list()) != test.unknown {
			t.Errorf("%v: misses %v, unknown %v", test.unordered, set.out.Misses, set.unknown.list())
		}
	}
}

// Of policies whose order is drawn not every order is tried, and another may refuse with other words.
func TestAMessageOfADrawnOrderIsNoMiss(t *testing.T) {
	unordered := []verdict.PolicyRef{{Kind: "MutatingPolicy", Name: "a"}, {Kind: "MutatingPolicy", Name: "b"}}
	for _, test := range []struct {
		name      string
		unordered []verdict.PolicyRef
		live      string
		want      timeline.Part
	}{
		{"foretold", nil, "no", timeline.Part{Compared: 1, Agreed: 1}},
		{"foretold of another order", unordered, "never", timeline.Part{Compared: 1, Agreed: 1}},
		{"not foretold", unordered, "not now", timeline.Part{Undecided: 1}},
		{"not foretold, and no order makes a difference", nil, "not now", timeline.Part{Compared: 1}},
	} {
		c := &comparison{rehearsal: &rehearsal{}}
		set := &compared{gone: newTally(), unknown: newTally(), out: &timeline.Comparison{}}
		for _, name := range parts {
			set.out.Parts = append(set.out.Parts, timeline.Part{Name: name})
		}
		l := &live{Member: &Member{Records: []*capture.Record{{Operation: capture.Create, Name: "web"}}}, before: make([]traffic.Answer, 1)}
		c.record(set, l, 0, verdict.Judgement{Decision: verdict.Denied, Message: "no", Messages: []string{"no", "never"}, Unordered: test.unordered}, traffic.Answer{Kind: traffic.Denied, Message: test.live}, false)
		test.want.Name = partMessage
		if got := *set.part(partMessage); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// An interrupted comparison tells of the policies that the cluster answered for, and of no other.
func TestAnInterruptionKeepsWhatWasAnswered(t *testing.T) {
	named := func(name string) policy.Object {
		return policy.Object{Kind: "ClusterPolicy", Name: name, JSON: []byte(`{}`)}
	}
	after := policy.FromObjects("s", []policy.Object{named("a"), named("b"), named("c")})
	for interrupted, want := range map[bool]timeline.Part{true: {Compared: 2, Agreed: 1}, false: {Compared: 3, Agreed: 2}} {
		set := &compared{out: &timeline.Comparison{Parts: []timeline.Part{{Name: partPolicy}}}}
		c := &comparison{rehearsal: &rehearsal{}, sets: []*compared{set}, inForce: map[*live]map[string]policy.Object{}}
		s := &Stage{}
		s.Mode = scenarios.AsWritten
		l := &live{Member: &Member{Sets: []*policy.Set{nil, after}}}
		answered := []timeline.Change{{Policy: "ClusterPolicy a"}, {Policy: "ClusterPolicy b", Error: "is not ready"}}
		c.taken(s, l, answered, nil, interrupted)
		if got := set.out.Parts[0]; got.Compared != want.Compared || got.Agreed != want.Agreed || len(set.out.Misses) != 1 {
			t.Errorf("interrupted %v: %+v, misses %v", interrupted, got, set.out.Misses)
		}
	}
}

// Of a request with an undecided rule everything else is compared, and what is not is counted.
func TestUndecidedRulesLeaveTheOthersToCompare(t *testing.T) {
	undecided := func(kind verdict.RuleType) []verdict.Verdict {
		return []verdict.Verdict{{Policy: verdict.PolicyRef{Kind: "ClusterPolicy", Name: "sizes"}, Rule: "size", Type: kind, Outcome: verdict.Undecided, Reason: "registry"}}
	}
	object := []byte(`{"metadata":{"name":"web"}}`)
	admitted := traffic.Answer{Kind: traffic.Admitted, Object: object, Warnings: []string{"policy sizes.size: too large", "policy labels.team: no team"}}
	for _, test := range []struct {
		name  string
		j     verdict.Judgement
		a     traffic.Answer
		warn  bool
		part  string
		want  timeline.Part
		known int // requests with a reason
	}{
		{"the others warn", verdict.Judgement{Decision: verdict.Allowed, Verdicts: undecided(verdict.Validate), Warnings: []string{"policy labels.team: no team"}},
			admitted, true, partWarnings, timeline.Part{Compared: 1, Agreed: 1, Partly: 1}, 1},
		{"another does not", verdict.Judgement{Decision: verdict.Allowed, Verdicts: undecided(verdict.Validate)},
			admitted, true, partWarnings, timeline.Part{Compared: 1, Partly: 1}, 1},
		{"it changes nothing", verdict.Judgement{Decision: verdict.Allowed, Verdicts: undecided(verdict.Validate)},
			admitted, false, partObject, timeline.Part{Compared: 1, Agreed: 1}, 0},
		{"it may change", verdict.Judgement{Decision: verdict.Allowed, Verdicts: undecided(verdict.Mutate)},
			admitted, false, partObject, timeline.Part{Undecided: 1}, 1},
		{"it may say more", verdict.Judgement{Decision: verdict.Denied, Verdicts: undecided(verdict.Validate)},
			traffic.Answer{Kind: traffic.Denied}, false, partMessage, timeline.Part{Undecided: 1}, 1},
		{"it acts afterwards", verdict.Judgement{Decision: verdict.Allowed, Verdicts: undecided(verdict.Generate)},
			traffic.Answer{Kind: traffic.Admitted, Object: object}, true, partWarnings, timeline.Part{Compared: 1, Agreed: 1}, 0},
		{"the decision", verdict.Judgement{Decision: verdict.DecisionUndecided, Reason: "registry"}, admitted, true, partWarnings, timeline.Part{Undecided: 1}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := capture.NewWorld(capture.Cluster{Name: "c"})
			if err != nil {
				t.Fatal(err)
			}
			c := &comparison{rehearsal: &rehearsal{}}
			set := &compared{gone: newTally(), unknown: newTally(), out: &timeline.Comparison{}}
			for _, name := range parts {
				set.out.Parts = append(set.out.Parts, timeline.Part{Name: name})
			}
			rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "ConfigMap"}, Name: "web", Object: object}
			l := &live{Member: &Member{World: w, Records: []*capture.Record{rec}}, before: []traffic.Answer{{Kind: traffic.Admitted, Object: object}}}
			c.record(set, l, 0, test.j, test.a, test.warn)
			test.want.Name = test.part
			if got := *set.part(test.part); got != test.want {
				t.Errorf("%+v, want %+v; misses %v", got, test.want, set.out.Misses)
			}
			if got := set.unknown.list(); len(got) != test.known {
				t.Errorf("unknown: %v", got)
			}
		})
	}
}

// A reason counts once for a request, be it that it leaves several parts open.
func TestAReasonCountsOnceForARequest(t *testing.T) {
	c := &comparison{rehearsal: &rehearsal{}}
	set := &compared{gone: newTally(), unknown: newTally(), out: &timeline.Comparison{}}
	for _, name := range parts {
		set.out.Parts = append(set.out.Parts, timeline.Part{Name: name})
	}
	l := &live{Member: &Member{Records: []*capture.Record{{Seq: 1, Name: "a"}, {Seq: 2, Name: "a"}}}}
	for i := range l.Records {
		for _, warn := range []bool{false, true} {
			c.record(set, l, i, verdict.Judgement{}, traffic.Answer{Kind: traffic.Unjudged, Reason: "not valid"}, warn)
		}
	}
	got := set.gone.list()
	if len(got) != 1 || got[0].Count != 2 || set.part(partDecision).Unjudged != 2 || set.part(partWarnings).Unjudged != 2 {
		t.Errorf("%+v of %+v", got, set.out.Parts)
	}
}
