package rollout

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

func TestDifferentMessage(t *testing.T) {
	const classic = "resource Pod/a/b was blocked due to the following policies \n\np:\n  r: m\n"
	denied := func(webhook, message string) string {
		return `admission webhook "` + webhook + `" denied the request: ` + message
	}
	for _, c := range []struct {
		reason   string
		possible []string
		live     string
		same     bool
	}{
		{"the same", []string{classic}, denied("validate.kyverno.svc-fail", "\n\n"+classic), true},
		{"another rule", []string{classic}, denied("validate.kyverno.svc-fail", "resource Pod/a/b was blocked due to the following policies p: q: m"), false},
		{"one of two webhooks", []string{classic, "Policy one failed: no"}, denied("vpol.validate.kyverno.svc-fail", "Policy one failed: no"), true},
		{"policies of one webhook in another order", []string{"Policy one failed: no; not now; Policy two failed: never", "Policy one failed: no; not now", "Policy two failed: never"},
			denied("vpol.validate.kyverno.svc-fail", "Policy two failed: never; Policy one failed: no; not now"), true},
		{"two of three policies share a webhook", []string{"Policy one failed: a; Policy two failed: b; Policy three error: c"}, denied("vpol.validate.kyverno.svc-fail", "Policy three error: c; Policy one failed: a"), true},
		{"a policy that nobody foretold", []string{"Policy one failed: a"}, denied("vpol.validate.kyverno.svc-fail", "Policy one failed: a; Policy two failed: b"), false},
		{"a policy says something else", []string{"Policy one failed: a"}, denied("vpol.validate.kyverno.svc-fail", "Policy one failed: b"), false},
		{"controls of Pod Security in another order", []string{"p:\n  r: 'It violates: (Forbidden reason: a, field error list: [x is forbidden, forbidden values found: [Y]])(Forbidden reason: b, field error list: [z])'\n  s: m\n"},
			denied("validate.kyverno.svc-fail", "p:\n  r: 'It violates: (Forbidden reason: b, field error list: [z])(Forbidden reason: a, field error list: [x is forbidden, forbidden values found: [Y]])'\n  s: m\n"), true},
		{"another control", []string{"p: (Forbidden reason: a, field error list: [x])(Forbidden reason: b, field error list: [z])"},
			denied("validate.kyverno.svc-fail", "p: (Forbidden reason: c, field error list: [z])(Forbidden reason: a, field error list: [x])"), false},
		{"fields that may not be set, in another order", []string{"Resource: a/b, Kind: Pod, Errors: [Policy one: failed to evaluate policy: may not mutate atomic arrays, maps or structs: .spec.affinity.terms[0], .spec.nodeSelector, .spec.tolerations Policy two: no]"},
			denied("mpol.validate.kyverno.svc-fail", "Resource: a/b, Kind: Pod, Errors: [Policy two: no Policy one: failed to evaluate policy: may not mutate atomic arrays, maps or structs: .spec.tolerations, .spec.affinity.terms[0], .spec.nodeSelector]"), true},
		{"other fields that may not be set", []string{"policy 'p' denied request: may not mutate atomic arrays, maps or structs: .spec.nodeSelector, .spec.tolerations"},
			"policy 'p' denied request: may not mutate atomic arrays, maps or structs: .spec.tolerations, .spec.volumes", false},
		{"a name that is drawn", []string{`Pod "x" is invalid: spec.initContainers[0].volumeMounts[0].name: Not found: "kube-api-access-00000"`}, `Pod "x" is invalid: spec.initContainers[0].volumeMounts[0].name: Not found: "kube-api-access-wc6xd"`, true},
		{"the API server's own policy", []string{`pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`}, `pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, true},
	} {
		d := differentMessage(verdict.Judgement{Message: c.possible[0], Messages: c.possible}, traffic.Answer{Message: c.live})
		if (d == nil) != c.same {
			t.Errorf("%s: %+v", c.reason, d)
		}
	}
	if d := differentMessage(verdict.Judgement{Message: "m"}, traffic.Answer{Message: "m"}); d != nil {
		t.Errorf("a judgement with one message: %+v", d)
	}
}

func TestDifferentWarnings(t *testing.T) {
	long := "policy p.r: " + string(make([]byte, 300))
	first, second := "(Forbidden reason: "+strings.Repeat("a", 150)+", field error list: [x])", "(Forbidden reason: "+strings.Repeat("b", 150)+", field error list: [x])"
	for _, c := range []struct {
		reason        string
		offline, live []string
		same          bool
	}{
		{"none", nil, nil, true},
		{"in any order, once", []string{"policy a.r: x", "policy b.r: y"}, []string{"policy b.r: y", "policy a.r: x", "policy a.r: x"}, true},
		{"others warn too", []string{"policy a.r: x"}, []string{"policy a.r: x", "v1 ComponentStatus is deprecated"}, true},
		{"one is missing live", []string{"policy a.r: x", "policy b.r: y"}, []string{"policy a.r: x"}, false},
		{"one is missing offline", nil, []string{"Policy a failed: x"}, false},
		{"the API server's own", []string{"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': x"}, []string{"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': x"}, true},
		{"cut short by the API server", []string{long}, []string{long[:256]}, true},
		{"controls in another order", []string{"policy p.r: " + first + second}, []string{"policy p.r: " + second + first}, true},
		{"controls in another order, cut", []string{"policy p.r: " + first + second}, []string{("policy p.r: " + second + first)[:256]}, true},
		{"another control, cut", []string{"policy p.r: " + first + first}, []string{("policy p.r: " + second + first)[:256]}, false},
		{"not cut, another text", []string{"policy a.r: xyz"}, []string{"policy a.r: x"}, false},
	} {
		d := differentWarnings(verdict.Judgement{Warnings: c.offline}, traffic.Answer{Warnings: c.live})
		if (d == nil) != c.same {
			t.Errorf("%s: %+v", c.reason, d)
		}
	}
}

// Of a warning whose words Kyverno draws, any that it may draw is the one that was foretold.
func TestWarningsWithOtherWords(t *testing.T) {
	j := verdict.Judgement{Warnings: []string{"policy a.r: at x", "policy b.r: z"}, Instead: map[string][]string{"policy a.r: at x": {"policy a.r: at y"}}}
	for heard, same := range map[string]bool{"policy a.r: at x": true, "policy a.r: at y": true, "policy a.r: at z": false} {
		if d := differentWarnings(j, traffic.Answer{Warnings: []string{heard, "policy b.r: z"}}); (d == nil) != same {
			t.Errorf("%s: %+v", heard, d)
		}
	}
}

func TestDifferentObject(t *testing.T) {
	const sent = `{"metadata":{"name":"x"},"spec":{"containers":[{"name":"a"}]}}`
	for _, c := range []struct {
		reason, patch, without, with string
		want                         *difference
	}{
		{"nothing changes", ``, sent, sent, nil},
		{"the same change", `[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`, sent, `{"metadata":{"name":"x","labels":{"a":"b"}},"spec":{"containers":[{"name":"a"}]}}`, nil},
		{"another value", `[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`, sent, `{"metadata":{"name":"x","labels":{"a":"c"}},"spec":{"containers":[{"name":"a"}]}}`,
			&difference{`/metadata/labels/a: "b"`, `/metadata/labels/a: "c"`}},
		{"only offline", `[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`, sent, sent, &difference{`/metadata/labels/a: "b"`, `/metadata/labels/a: unchanged`}},
		{"only live", ``, sent, `{"metadata":{"name":"x","labels":{"a":"c"}},"spec":{"containers":[{"name":"a"}]}}`, &difference{`/metadata/labels/a: unchanged`, `/metadata/labels/a: "c"`}},
		{"only live, a removal", ``, `{"metadata":{"labels":{"a":"b"}}}`, `{"metadata":{"labels":{}}}`, &difference{`/metadata/labels/a: unchanged`, `/metadata/labels/a: null`}},
		{"the API server's defaults for what a policy adds", `[{"op":"add","path":"/spec/containers/1","value":{"name":"b"}}]`,
			`{"spec":{"containers":[{"name":"a","imagePullPolicy":"Always"}]}}`,
			`{"spec":{"containers":[{"name":"a","imagePullPolicy":"Always"},{"name":"b","imagePullPolicy":"Always"}]}}`, nil},
		{"a default that was there", `[{"op":"add","path":"/spec/hostNetwork","value":false}]`, `{"spec":{"hostNetwork":false}}`, `{"spec":{"hostNetwork":false}}`, nil},
		{"what is drawn for every request", ``, `{"metadata":{"uid":"1","managedFields":[]},"spec":{"clusterIP":"1","ports":[{"nodePort":1}],"volumes":[{"name":"kube-api-access-aaaaa"}]}}`,
			`{"metadata":{"uid":"2","managedFields":[1]},"spec":{"clusterIP":"2","ports":[{"nodePort":2}],"volumes":[{"name":"kube-api-access-bbbbb"}]}}`, nil},
		{"a key with a slash", `[{"op":"add","path":"/metadata/annotations","value":{"a/b~c":"d"}}]`, sent, `{"metadata":{"name":"x","annotations":{"a/b~c":"d"}},"spec":{"containers":[{"name":"a"}]}}`, nil},
		{"a patch of something else", `[{"op":"remove","path":"/gone"}]`, sent, sent,
			&difference{"the patch does not apply: error in remove for path: '/gone': Unable to remove nonexistent key: gone: missing value", ""}},
	} {
		got := differentObject(json.RawMessage(sent), json.RawMessage(c.patch), json.RawMessage(c.without), json.RawMessage(c.with), func(o json.RawMessage) json.RawMessage { return o })
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(difference{})); diff != "" {
			t.Errorf("%s:\n%s", c.reason, diff)
		}
	}
}

// What the API server makes of what a policy adds is the policy's doing as well.
func TestWhatFollowsFromAChange(t *testing.T) {
	stored := func(o json.RawMessage) json.RawMessage {
		if strings.Contains(string(o), `"note"`) {
			return json.RawMessage(strings.Replace(string(o), "{", `{"field":1,`, 1))
		}
		return o
	}
	patch := json.RawMessage(`[{"op":"add","path":"/note","value":"x"}]`)
	if d := differentObject(json.RawMessage(`{}`), patch, json.RawMessage(`{}`), json.RawMessage(`{"field":1,"note":"x"}`), stored); d != nil {
		t.Errorf("a field that follows: %+v", d)
	}
	if d := differentObject(json.RawMessage(`{}`), patch, json.RawMessage(`{}`), json.RawMessage(`{"field":2,"note":"x"}`), stored); d == nil {
		t.Error("another field that follows is no difference")
	}
}

func TestNamed(t *testing.T) {
	rec := &capture.Record{Operation: capture.Create, Object: json.RawMessage(`{"metadata":{"generateName":"job-"}}`)}
	a := named(rec, traffic.Answer{Message: "resource Job/a/job-x7k2p was blocked; not job-extra", Warnings: []string{"policy a.r: job-x7k2p"}, Object: json.RawMessage(`{"labels":{"job-name":"job-x7k2p"}}`)})
	if a.Message != "resource Job/a/job-xxxxx was blocked; not job-extra" || a.Warnings[0] != "policy a.r: job-xxxxx" || string(a.Object) != `{"labels":{"job-name":"job-xxxxx"}}` {
		t.Errorf("%+v", a)
	}
	rec.Name = "job-x7k2p"
	if a := named(rec, traffic.Answer{Message: "job-x7k2p"}); a.Message != "job-x7k2p" {
		t.Errorf("it has a name: %+v", a)
	}
}

func TestDifferentRefusal(t *testing.T) {
	a := traffic.Answer{Code: 400, Message: `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal`}
	if !undecodable(a) || undecodable(traffic.Answer{Code: 400, Message: `admission webhook "x" denied the request: cannot be handled`}) {
		t.Error("what the API server cannot decode is told by its words")
	}
	if differentRefusal(verdict.Judgement{Decision: verdict.OutOfScope}, a) != nil || differentRefusal(verdict.Judgement{Decision: verdict.Denied}, a) == nil {
		t.Error("only a request that is out of scope offline agrees")
	}
}

// What stands in a cluster while answers are compared: the world, what is changed as it was
// before, and nothing that is only created.
func TestStand(t *testing.T) {
	w, err := capture.NewWorld(capture.Cluster{Name: "a", Complete: true},
		&capture.WorldObject{Object: json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"a"},"data":{"k":"last"}}`)},
		&capture.WorldObject{Object: json.RawMessage(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"other","namespace":"a"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	record := func(op capture.Operation, kind, resource, name, object, old string) *capture.Record {
		group := map[string]string{"Deployment": "apps"}[kind]
		return &capture.Record{Cluster: "a", Operation: op, Kind: capture.GVK{Group: group, Version: "v1", Kind: kind}, Resource: capture.GVR{Group: group, Version: "v1", Resource: resource},
			Namespace: "a", Name: name, Object: json.RawMessage(object), OldObject: json.RawMessage(old), Origin: capture.Origin{Source: "manifests"}}
	}
	pod := func(name string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `","namespace":"a"}}`
	}
	config := func(value string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"a","uid":"u"},"data":{"k":"` + value + `"}}`
	}
	evicted := record(capture.Create, "Eviction", "pods", "evicted", `{}`, "")
	evicted.SubResource = "eviction"
	second := record(capture.Update, "ConfigMap", "configmaps", "settings", config("last"), config("second"))
	records := []*capture.Record{
		record(capture.Create, "Pod", "pods", "new", pod("new"), ""),
		record(capture.Create, "Pod", "pods", "evicted", pod("evicted"), ""), evicted,
		record(capture.Update, "ConfigMap", "configmaps", "settings", config("second"), config("first")), second,
	}
	got, err := stand(w, records, nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	has := func(kind, name string) json.RawMessage {
		group := map[string]string{"Deployment": "apps"}[kind]
		return got[identity{group, kind, "a", name}]
	}
	if has("Pod", "new") != nil || has("Pod", "evicted") == nil || has("Deployment", "other") == nil || has("ServiceAccount", "default") == nil {
		t.Errorf("%s", got)
	}
	const first = `{"apiVersion":"v1","data":{"k":"first"},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"a"}}`
	if string(has("ConfigMap", "settings")) != first {
		t.Errorf("before the first request: %s", has("ConfigMap", "settings"))
	}
	if sent := got.sent(records[3]); !sent.DryRun || string(sent.OldObject) != config("first") {
		t.Errorf("the first update replaces what it did: %s", sent.OldObject)
	}
	const again = `{"apiVersion":"v1","data":{"k":"first"},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"a","uid":"u"}}`
	if sent := got.sent(second); string(sent.OldObject) != again {
		t.Errorf("dry runs change nothing: the second update replaces the first state, by the identity that both objects have: %s", sent.OldObject)
	}
	account := record(capture.Create, "ServiceAccount", "serviceaccounts", "default", `{}`, "")
	account.User.Extra = map[string][]string{"none": {}, "some": {"x"}}
	if sent := got.sent(account); !sent.Standing || len(sent.User.Extra) != 1 || len(account.User.Extra) != 2 || got.sent(records[0]).Standing {
		t.Errorf("what stands before its creation, sent with what headers can tell: %+v", sent)
	}
	world, err := got.world(w)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := world.Get(capture.GVR{Version: "v1", Resource: "configmaps"}, "a", "settings")
	if found == nil || string(found.Object) != first {
		t.Errorf("the replay looks up the same: %s", found.Object)
	}
	if gone, known := world.Get(capture.GVR{Version: "v1", Resource: "pods"}, "a", "new"); gone != nil || !known {
		t.Error("a pod that is only created is not there")
	}
}

// Whoever refuses with the policies what was admitted without them: they did it.
func TestTurns(t *testing.T) {
	answer := func(kind traffic.Kind, code int) traffic.Answer { return traffic.Answer{Kind: kind, Code: code} }
	admitted := answer(traffic.Admitted, 201)
	for _, c := range []struct {
		reason        string
		before, after traffic.Answer
		turns         bool
	}{
		{"admitted both times", admitted, admitted, false},
		{"a webhook denies", admitted, answer(traffic.Denied, 400), true},
		{"not valid any more", admitted, answer(traffic.Unjudged, 422), true},
		{"not decoded any more", admitted, answer(traffic.Unjudged, 500), true},
		{"refused before, admitted now", answer(traffic.Unjudged, 403), admitted, true},
		{"refused both times", answer(traffic.Unjudged, 422), answer(traffic.Unjudged, 422), false},
		{"a busy server", admitted, answer(traffic.Unjudged, 429), false},
		{"cannot be sent", admitted, answer(traffic.Unjudged, 0), false},
	} {
		if got := turns([]traffic.Answer{c.before}, 0, c.after); got != c.turns {
			t.Errorf("%s: %v", c.reason, got)
		}
	}
	if turns(nil, 0, admitted) {
		t.Error("nothing was measured without the policies")
	}
	told := foretell(verdict.Judgement{Decision: verdict.Denied, Verdicts: []verdict.Verdict{{Outcome: verdict.Error, Message: "the API server refuses what it makes of the object: Pod \"p\" is invalid: x"}}})
	if !told.refusal(traffic.Answer{Kind: traffic.Unjudged, Message: `Pod "p" is invalid: x`}) || told.refusal(traffic.Answer{Kind: traffic.Unjudged, Message: "no"}) {
		t.Error("a refusal that was foretold is known by its words")
	}
}
