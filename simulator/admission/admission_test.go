package admission

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

// captured reads manifests as the objects and requests of one cluster.
func captured(t *testing.T, files ...string) *capture.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.capture")
	w, err := capture.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.Manifests(context.Background(), w, capture.Cluster{Name: "a", Complete: true}, files, nil, true); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func records(t *testing.T, file string) (out []*capture.Record) {
	t.Helper()
	for rec, err := range captured(t, file).Records() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}

// testdata/answers.json is what a kube-apiserver answered, recorded and kept true by the
// suite of harness/e2e, with what it draws at random as it is drawn here.
func TestObjectsAreWhatAnAPIServerMakesOfThem(t *testing.T) {
	world := captured(t, "testdata/world.yaml").World("a")
	content, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	if err := json.Unmarshal(content, &answers); err != nil {
		t.Fatal(err)
	}
	requests := records(t, "testdata/requests.yaml")
	if len(requests) != len(answers) {
		t.Fatalf("%d requests, %d answers", len(requests), len(answers))
	}
	for i, rec := range requests {
		rec.Live = false // some pretend
		object, err := Prepare(world, rec)
		if err == nil {
			object, err = Stored(world, rec, object)
		}
		if err != nil {
			t.Errorf("%s %s: %v", rec.Kind.Kind, rec.Name, err)
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(object, &got); err != nil {
			t.Fatal(err)
		}
		if rec.Kind.Kind == "PersistentVolumeClaim" {
			delete(answers[i], "status") // defaulted for the answer, not for webhooks
			delete(got, "status")
		}
		if diff := gocmp.Diff(answers[i], got); diff != "" {
			t.Errorf("%s %s (-live +offline):\n%s", rec.Kind.Kind, rec.Name, diff)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	world := captured(t, "testdata/world.yaml").World("a")
	pod := func(spec string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":` + spec + `}`
	}
	for _, c := range []struct {
		reason, object, want string
	}{
		{"a text where a number is due", pod(`{"terminationGracePeriodSeconds":"soon"}`), "the API server cannot decode it: "},
		{"no such priority class", pod(`{"priorityClassName":"gone"}`), `pods "x" is forbidden: no PriorityClass with name gone was found`},
		{"another selector than the runtime class", pod(`{"runtimeClassName":"sandbox","nodeSelector":{"sandbox":"no"}}`), `pods "x" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[sandbox] = yes; pod.spec.nodeSelector[sandbox] = no`},
		{"another overhead than the runtime class", pod(`{"runtimeClassName":"sandbox","overhead":{"memory":"1Gi"}}`), `pods "x" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead`},
		{"no such runtime class", pod(`{"runtimeClassName":"gone"}`), `pods "x" is forbidden: pod rejected: RuntimeClass "gone" not found`},
		{"a system's priority class", pod(`{"priorityClassName":"system-node-critical"}`), ""},
	} {
		rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Namespace: "quay", Object: json.RawMessage(c.object)}
		_, err := Prepare(world, rec)
		refused, ok := err.(*Refused)
		switch {
		case c.want == "" && err != nil, c.want != "" && !ok:
			t.Errorf("%s: %v", c.reason, err)
		case ok && len(refused.Reason) < len(c.want) || ok && refused.Reason[:len(c.want)] != c.want:
			t.Errorf("%s: %s", c.reason, refused.Reason)
		}
	}
	rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Object: json.RawMessage(pod(`{"priorityClassName":"gone","runtimeClassName":"gone"}`))}
	if _, err := Prepare(nil, rec); err != nil {
		t.Errorf("what is not known to be missing is not refused: %v", err)
	}
}

func TestOnePriorityClassIsTheDefault(t *testing.T) {
	world := captured(t, "testdata/world.yaml").World("a") // where usual is
	const refused = `priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist`
	for _, c := range []struct {
		reason       string
		operation    capture.Operation
		name, fields string
		want         string
	}{
		{"a second default", capture.Create, "second", `"value":1,"globalDefault":true`, refused},
		{"a class becomes the second", capture.Update, "second", `"value":1,"globalDefault":true`, refused},
		{"another class", capture.Create, "second", `"value":1`, ""},
		{"the default itself", capture.Update, "usual", `"value":7,"globalDefault":true`, ""},
		{"which goes", capture.Delete, "usual", `"value":7,"globalDefault":true`, ""},
	} {
		object := json.RawMessage(`{"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"` + c.name + `"},` + c.fields + `}`)
		rec := &capture.Record{Operation: c.operation, Kind: capture.GVK{Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass"}, Name: c.name, Object: object}
		err := Validate(world, rec, object)
		if was, _ := err.(*Refused); was == nil && (c.want != "" || err != nil) || was != nil && was.Reason != c.want {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
	again := json.RawMessage(`{"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"usual"},"value":7,"globalDefault":true}`)
	rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass"}, Name: "usual", Object: again}
	if err := Validate(world, rec, again); err != nil {
		t.Errorf("the creation of the default itself: %v", err)
	}
	if rec.Standing = true; Validate(world, rec, again) == nil {
		t.Error("a default that is there already is created again")
	}
}

func TestWhatStaysAsItIs(t *testing.T) {
	object := json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{}}`)
	pods := capture.GVK{Version: "v1", Kind: "Pod"}
	for _, c := range []struct {
		reason string
		rec    capture.Record
		same   bool
	}{
		{"an API server answered with it", capture.Record{Operation: capture.Create, Live: true, Origin: capture.Origin{Source: "cluster"}}, true},
		{"an audit log holds what was sent", capture.Record{Operation: capture.Create, Live: true, Origin: capture.Origin{Source: "audit"}}, false},
		{"a subresource of another kind", capture.Record{Operation: capture.Update, SubResource: "unknown", Kind: capture.GVK{Group: "example.com", Version: "v1", Kind: "Other"}}, true},
		{"a status", capture.Record{Operation: capture.Update, SubResource: "status"}, false},
		{"a deletion", capture.Record{Operation: capture.Delete}, true},
		{"the body is missing", capture.Record{Operation: capture.Create, Missing: []capture.Missing{capture.MissingObject}}, true},
	} {
		c.rec.Kind, c.rec.Object = cmp.Or(c.rec.Kind, pods), object
		got, err := Prepare(nil, &c.rec)
		if err != nil || (string(got) == string(object)) != c.same {
			t.Errorf("%s: %s %v", c.reason, got, err)
		}
	}
}

func TestAnUpdateKeepsWhatOnlyTheServerWrites(t *testing.T) {
	kind := capture.GVK{Group: "apps", Version: "v1", Kind: "Deployment"}
	old := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x","uid":"u","generation":3,"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"replicas":1},"status":{"replicas":1}}`
	for _, c := range []struct {
		reason, object, want string
	}{
		{"the specification changes: the next generation",
			`{"metadata":{"name":"x"},"spec":{"replicas":2},"status":{"replicas":9}}`,
			`{"metadata":{"name":"x","uid":"u","generation":4,"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"replicas":2},"status":{"replicas":1}}`},
		{"only a label changes",
			`{"metadata":{"name":"x","generation":9,"labels":{"a":"b"}},"spec":{"replicas":1}}`,
			`{"metadata":{"name":"x","uid":"u","generation":3,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":"b"}},"spec":{"replicas":1},"status":{"replicas":1}}`},
	} {
		rec := &capture.Record{Operation: capture.Update, Kind: kind, OldObject: json.RawMessage(old)}
		got, err := Stored(nil, rec, json.RawMessage(c.object))
		if err != nil {
			t.Fatal(err)
		}
		gvk := schema.GroupVersionKind(kind)
		inside, err := decode(json.RawMessage(c.want), gvk)
		if err != nil {
			t.Fatal(err)
		}
		want, err := encode(inside, gvk) // with defaults
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		_ = json.Unmarshal(got, &a)
		_ = json.Unmarshal(want, &b)
		if diff := gocmp.Diff(b, a); diff != "" {
			t.Errorf("%s:\n%s", c.reason, diff)
		}
	}
}

func TestConvert(t *testing.T) {
	v1, v2 := capture.GVK{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}, capture.GVK{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	old := json.RawMessage(`{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"x"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"x"},"maxReplicas":3,"targetCPUUtilizationPercentage":70}}`)
	converted, err := Convert(old, v1, v2)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Convert(converted, v2, v1)
	if err != nil {
		t.Fatal(err)
	}
	var there, again struct {
		APIVersion string
		Spec       struct {
			Target  int   `json:"targetCPUUtilizationPercentage"`
			Metrics []any `json:"metrics"`
		}
	}
	_ = json.Unmarshal(converted, &there)
	_ = json.Unmarshal(back, &again)
	if there.APIVersion != "autoscaling/v2" || len(there.Spec.Metrics) != 1 || again.APIVersion != "autoscaling/v1" || again.Spec.Target != 70 {
		t.Errorf("%s\n%s", converted, back)
	}
	if none, err := Convert(nil, v1, v2); none != nil || err != nil {
		t.Errorf("of nothing: %s %v", none, err)
	}
}
