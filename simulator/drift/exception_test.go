package drift

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

func TestUntilIsTheEarliest(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		reason, object, until, by string
		expired                   bool
	}{
		{"no end", `{}`, "", "", false},
		{"a duration counts from when the object was made", `{"metadata":{"creationTimestamp":"2026-11-22T08:00:00Z","labels":{"cleanup.kyverno.io/ttl":"12h"}}}`, "2026-11-22T20:00:00Z", "label cleanup.kyverno.io/ttl", true},
		{"days", `{"metadata":{"creationTimestamp":"2026-11-22T08:00:00Z","labels":{"cleanup.kyverno.io/ttl":"2d"}}}`, "2026-11-24T08:00:00Z", "label cleanup.kyverno.io/ttl", false},
		{"a time as labels can hold it", `{"metadata":{"labels":{"cleanup.kyverno.io/ttl":"2026-11-23T070000Z"}}}`, "2026-11-23T07:00:00Z", "label cleanup.kyverno.io/ttl", true},
		{"a duration without a beginning is no time", `{"metadata":{"labels":{"cleanup.kyverno.io/ttl":"12h"}}}`, "", "", false},
		{"an annotation, by the last part of its key", `{"metadata":{"annotations":{"policy.example.io/exception-expires-at":"2026-11-01"}}}`, "2026-11-01T00:00:00Z", "policy.example.io/exception-expires-at", true},
		{"one that cannot be read is none", `{"metadata":{"annotations":{"expires":"soon"}}}`, "", "", false},
		{"the earlier of two", `{"spec":{"expiresAt":"2027-01-01T00:00:00Z"},"metadata":{"annotations":{"valid-until":"2026-12-01"}}}`, "2026-12-01T00:00:00Z", "valid-until", false},
	} {
		e := newException(decode(json.RawMessage(c.object)), now)
		got := ""
		if e.Until != nil {
			got = e.Until.Format(time.RFC3339)
		}
		if got != c.until || e.UntilBy != c.by || e.Expired != c.expired {
			t.Errorf("%s: until %q by %q, expired %v; want %q, %q, %v", c.reason, got, e.UntilBy, e.Expired, c.until, c.by, c.expired)
		}
	}
}

func TestWhoAsked(t *testing.T) {
	e := newException(decode(json.RawMessage(`{
		"metadata":{"annotations":{"a.io/Requested_By":"anna","b.io/jira":"OPS-1","c.io/color":"red"}},
		"spec":{"properties":{"reason":"legacy"},"policyRefs":[{"kind":"ValidatingPolicy","name":"x"}]}}`)), time.Time{})
	want := []Said{{"requested by", "anna", "a.io/Requested_By"}, {"ticket", "OPS-1", "b.io/jira"}, {"reason", "legacy", "spec.properties.reason"}}
	if diff := cmp.Diff(want, e.Said); diff != "" {
		t.Error(diff)
	}
}

// TestTrafficTellsExceptionsApart counts one request each for the exceptions of two APIs that
// have the same name, one whose rule cannot be judged, and one that allows values.
func TestTrafficTellsExceptionsApart(t *testing.T) {
	object := func(apiVersion, name, spec string) policy.Object {
		return policy.Object{APIVersion: apiVersion, Kind: "PolicyException", Namespace: "n", Name: name, JSON: json.RawMessage(`{"spec":` + spec + `}`)}
	}
	classic := `{"exceptions":[{"policyName":"p","ruleNames":["r*"]}],"match":{"any":[{"resources":{"kinds":["Pod"],"namespaces":["a","b"]}}]}}`
	traffic := NewTraffic([]policy.Object{
		object("kyverno.io/v2", "same", classic),
		object("policies.kyverno.io/v1", "same", `{"policyRefs":[{"kind":"ValidatingPolicy","name":"v"}]}`),
		object("policies.kyverno.io/v1", "values", `{"policyRefs":[{"kind":"ValidatingPolicy","name":"w"}],"images":["x"]}`),
		object("policies.kyverno.io/v1", "open", `{"policyRefs":[{"kind":"ValidatingPolicy","name":"u"}]}`),
	})
	v := func(kind, name, rule string, o verdict.Outcome, exceptions ...string) verdict.Verdict {
		return verdict.Verdict{Policy: verdict.PolicyRef{Kind: kind, Name: name}, Rule: rule, Type: verdict.Validate, Outcome: o, Exceptions: exceptions}
	}
	rec := &capture.Record{Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Namespace: "a", Name: "x"}
	traffic.Add(rec, verdict.Judgement{Decision: verdict.Allowed, Verdicts: []verdict.Verdict{
		v("ClusterPolicy", "p", "r1", verdict.Skip, "n/same"), v("ValidatingPolicy", "w", "", verdict.Pass), v("ValidatingPolicy", "u", "", verdict.Undecided),
	}}, verdict.Judgement{Decision: verdict.Denied, Verdicts: []verdict.Verdict{
		v("ClusterPolicy", "p", "r1", verdict.Fail), v("ValidatingPolicy", "w", "", verdict.Fail), v("ValidatingPolicy", "u", "", verdict.Undecided),
	}})
	for _, c := range []struct {
		group, name string
		want        Use
	}{
		{"kyverno.io", "same", Use{Requests: 1, LetThrough: 1, Refused: 1}},
		{"policies.kyverno.io", "same", Use{}},
		{"policies.kyverno.io", "values", Use{Requests: 1, LetThrough: 1, Refused: 1}},
		{"policies.kyverno.io", "open", Use{Unknown: 1}},
	} {
		ref := Ref{c.group, "PolicyException", "n", c.name}
		if diff := cmp.Diff(&c.want, traffic.Use(ref)); diff != "" {
			t.Errorf("%s %s: -want +got:\n%s", c.group, c.name, diff)
		}
	}
	wide := traffic.uses[Ref{"kyverno.io", "PolicyException", "n", "same"}].tooWide()
	if diff := cmp.Diff([]string{"namespace b"}, wide); diff != "" {
		t.Errorf("too wide: %s", diff)
	}
}
