package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDryRunsOfDeletions delete nothing, and say in their bodies that they do not.
func TestDryRunsOfDeletions(t *testing.T) {
	options := `{"apiVersion":"v1","kind":"DeleteOptions","dryRun":["All"]}`
	pods := "/api/v1/namespaces/a/pods"
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"a"}}`
	c, _ := audit(t, nil, logged(t,
		[4]string{"create", configMaps, configMap("a", "x", "1"), configMap("a", "x", "1")},
		[4]string{"delete", configMaps + "/a", options, ""},
		[4]string{"deletecollection", configMaps, options, ""},
		[4]string{"create", pods, pod, pod},
		[4]string{"create", pods + "/p/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"},"deleteOptions":` + options + `}`, ""},
		[4]string{"delete", pods + "/p", `{"apiVersion":"v1","kind":"DeleteOptions"}`, ""},
		[4]string{"delete", configMaps + "/a?dryRun=All", `{"apiVersion":"v1","kind":"DeleteOptions"}`, ""},
	))
	want := `CREATE ConfigMap a/a live
DELETE ConfigMap a/a live dry
DELETE ConfigMap a/ live dry -oldObject
CREATE Pod a/p live
CREATE Eviction/eviction a/p live
DELETE Pod a/p live
DELETE ConfigMap a/a live
`
	if diff := cmp.Diff(want, lines(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := worldNames(c, "configmaps"); left != "" {
		t.Errorf("left are %q: where there is a body, an API server reads no other options", left)
	}
}
