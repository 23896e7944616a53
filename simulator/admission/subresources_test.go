package admission

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
)

func TestSubresourcesTakeNothingElseAlong(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	volume := `{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"a"},"spec":{"storageClassName":"%s"},"status":{"phase":"%s"}}`
	of := func(class, phase string) json.RawMessage {
		return json.RawMessage(strings.Replace(strings.Replace(volume, "%s", class, 1), "%s", phase, 1))
	}
	rec := &capture.Record{
		Operation: capture.Update, SubResource: "status", Time: &at, Kind: capture.GVK{Version: "v1", Kind: "PersistentVolume"},
		Object: of("b", "Bound"), OldObject: of("a", "Available"),
	}
	got, err := Stored(nil, rec, rec.Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"storageClassName":"a"`, `"phase":"Bound"`, `"lastPhaseTransitionTime":"2026-01-02T03:04:05Z"`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s: %s", want, got)
		}
	}
	// No strategy of this kind is here: all but the status is of the object before.
	rec.Kind, rec.Resource.Group = capture.GVK{Group: "resource.k8s.io", Version: "v1", Kind: "ResourceClaim"}, "resource.k8s.io"
	rec.Object, rec.OldObject = json.RawMessage(`{"metadata":{"name":"a","labels":{"a":"b"}},"status":{"devices":[]}}`), json.RawMessage(`{"metadata":{"name":"a"}}`)
	if got, err = Stored(nil, rec, rec.Object); err != nil || string(got) != `{"metadata":{"name":"a"},"status":{"devices":[]}}` {
		t.Errorf("%s %v", got, err)
	}
}

func TestBothFamiliesOfServices(t *testing.T) {
	rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Service"}, Namespace: "a"}
	object := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"a"},"spec":{"ipFamilyPolicy":"%s","ports":[{"port":80}]}}`
	for policy, want := range map[string]string{
		"RequireDualStack": `"clusterIPs":["10.96.0.10","fd00:10:96::a"]`,
		"PreferDualStack":  `"clusterIPs":["10.96.0.10"]`,
	} {
		got, err := Stored(nil, rec, json.RawMessage(strings.Replace(object, "%s", policy, 1)))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s %v", policy, got, err)
		}
	}
}

// A Job without labels, and without those of its template, is read with the labels that its storage
// added to the template, unless something gave it labels before.
func TestJobsAreReadWithTheLabelsOfTheirTemplate(t *testing.T) {
	const spec = `"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"a"}]}}}}`
	rec := &capture.Record{Operation: capture.Create, Kind: capture.GVK{Group: "batch", Version: "v1", Kind: "Job"}, Resource: capture.GVR{Group: "batch", Version: "v1", Resource: "jobs"},
		Namespace: "a", Name: "a", Object: json.RawMessage(`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"a"},` + spec)}
	for labels, want := range map[string]string{"": `"a"`, `,"labels":{"by":"policy"}`: "null"} {
		made, err := Stored(nil, rec, json.RawMessage(`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"a"`+labels+`},`+spec))
		if err != nil {
			t.Fatal(err)
		}
		label := func(object json.RawMessage) string {
			var job struct {
				Metadata struct{ Labels map[string]*string }
			}
			if err := json.Unmarshal(object, &job); err != nil {
				t.Fatal(err)
			}
			out, _ := json.Marshal(job.Metadata.Labels["job-name"])
			return string(out)
		}
		if seen := label(made); seen != "null" {
			t.Errorf("webhooks see %s", seen)
		}
		if got := label(Returned(nil, rec, made)); got != want {
			t.Errorf("with labels %q it is read with %s, want %s", labels, got, want)
		}
	}
}

func TestLookUpsReadNothingDrawn(t *testing.T) {
	job := `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"a"},"spec":{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"a"}]}}}}`
	gvr := capture.GVR{Group: "batch", Version: "v1", Resource: "jobs"}
	got, err := Existing(nil, &capture.WorldObject{Object: json.RawMessage(job)}, gvr)
	if err != nil || strings.Contains(string(got), drawnUID) || !strings.Contains(string(got), `"job-name":"a"`) {
		t.Errorf("%s %v", got, err)
	}
}
