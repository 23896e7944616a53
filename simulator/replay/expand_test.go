package replay

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What nobody sent comes beside what was captured: before an object that stands its update, after a
// workload without pods one of its template's.
func TestExpand(t *testing.T) {
	template := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"a","image":"a"}]}}}}`)
	deployment := capture.GVK{Group: "apps", Version: "v1", Kind: "Deployment"}
	records := []*capture.Record{
		{Name: "live", Operation: capture.Create, Kind: deployment, Object: template, Live: true, Origin: capture.Origin{Source: "cluster"}},
		{Name: "written", Operation: capture.Create, Kind: deployment, Object: template, Origin: capture.Origin{Source: "manifests"}},
		{Name: "logged", Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Service"}, Object: []byte(`{}`), Live: true, Origin: capture.Origin{Source: "audit"}},
		{Name: "owned", Operation: capture.Create, Kind: capture.GVK{Group: "apps", Version: "v1", Kind: "ReplicaSet"}, Object: []byte(`{}`), Live: true, Owner: &capture.Owner{Kind: "Deployment", Name: "x"}},
		{Name: "bare", Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Object: []byte(`{}`), Live: true},
		{Name: "bodiless", Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Service"}, Live: true, Missing: []capture.Missing{capture.MissingObject}},
	}
	var got []string
	for rec, err := range Expand(func() iter.Seq2[*capture.Record, error] {
		return func(yield func(*capture.Record, error) bool) {
			for _, rec := range records {
				if !yield(rec, nil) {
					return
				}
			}
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(rec.Operation, " ", rec.Kind.Kind, " ", rec.Name, " derived ", rec.Derived(), " old ", len(rec.OldObject) > 0))
	}
	want := []string{
		"UPDATE Deployment live derived true old true", "CREATE Deployment live derived false old false", "CREATE Pod  derived true old false",
		"CREATE Deployment written derived false old false", "CREATE Pod  derived true old false",
		"CREATE Service logged derived false old false",
		"UPDATE ReplicaSet owned derived true old true", "CREATE ReplicaSet owned derived false old false",
		"UPDATE Pod bare derived true old true", "CREATE Pod bare derived false old false",
		"CREATE Service bodiless derived false old false",
	}
	if d := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
