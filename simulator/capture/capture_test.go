package capture

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func sample(t *testing.T, path string, cluster string) {
	t.Helper()
	w, err := NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Cluster(Cluster{Name: cluster, Labels: map[string]string{"env": "production"}, Source: "manifests"}))
	must(w.World(WorldObject{Cluster: cluster, Object: []byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"team":"web"}}}`)}))
	must(w.World(WorldObject{Cluster: cluster, Object: []byte(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"mice.example.com"},"spec":{"group":"example.com","names":{"kind":"Mouse","plural":"mice"},"scope":"Cluster","versions":[{"name":"v1"}]}}`)}))
	must(w.Skipped(Skipped{Cluster: cluster, File: "bad.yaml", Line: 3, Reason: "YAML: no"}))
	must(w.Record(&Record{
		Cluster: cluster, Time: &at, Operation: Create, Kind: GVK{"apps", "v1", "Deployment"}, Resource: GVR{"apps", "v1", "deployments"},
		Namespace: "shop", Name: "cart", Object: []byte(`{"kind":"Deployment"}`), Missing: []Missing{MissingUser},
	}))
	must(w.Record(&Record{Cluster: cluster, Operation: Delete, Kind: GVK{"", "v1", "Pod"}, Resource: GVR{"", "v1", "pods"}, Missing: []Missing{MissingOldObject}}))
	must(w.Close())
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.capture")
	sample(t, path, "one")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, string(r.Operation)+" "+r.Kind.Kind+" "+r.Name)
	}
	if diff := cmp.Diff([]string{"CREATE Deployment cart", "DELETE Pod "}, names); diff != "" {
		t.Error(diff)
	}
	if got := c.World("one").NamespaceLabels("shop")["team"]; got != "web" {
		t.Errorf("label team of namespace shop: %q, want web", got)
	}
	gvr, namespaced, known := c.World("one").Resources.ResourceFor(GVK{"example.com", "v1", "Mouse"})
	if gvr.Resource != "mice" || namespaced || !known {
		t.Errorf("resource of Mouse: %v namespaced %v known %v; the CRD says mice, cluster-scoped", gvr, namespaced, known)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	sample(t, a, "one")
	sample(t, b, "one")
	x, _ := os.ReadFile(a)
	y, _ := os.ReadFile(b)
	if !bytes.Equal(x, y) || len(x) == 0 {
		t.Error("two captures of the same input differ")
	}
}

func TestUnknownIsNotAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.capture")
	sample(t, path, "one")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	namespaces := GVR{Version: "v1", Resource: "namespaces"}
	for _, test := range []struct {
		reason, name string
		complete     bool
		found, known bool
	}{
		{"captured", "shop", false, true, true},
		{"not captured, and the capture does not claim to be complete", "other", false, false, false},
		{"not captured, and the capture is complete: it does not exist", "other", true, false, true},
	} {
		w := c.World("one")
		w.Cluster.Complete = test.complete
		found, known := w.Get(namespaces, "", test.name)
		if (found != nil) != test.found || known != test.known {
			t.Errorf("%s: found %v known %v", test.reason, found != nil, known)
		}
	}
}

func TestListedResourcesAreKnown(t *testing.T) {
	w := newWorld(Cluster{Name: "one", Listed: []Listed{
		{Group: "apps", Resource: "deployments"}, {Resource: "pods", Namespaces: []string{"shop"}},
	}})
	deployments, pods := GVR{"apps", "v1", "deployments"}, GVR{"", "v1", "pods"}
	for _, test := range []struct {
		reason    string
		gvr       GVR
		namespace string
		known     bool
	}{
		{"listed everywhere", deployments, "shop", true},
		{"all of what is listed everywhere", deployments, "", true},
		{"listed in this namespace", pods, "shop", true},
		{"not listed in this namespace", pods, "other", false},
		{"all of what is listed in one namespace", pods, "", false},
		{"not listed", GVR{"", "v1", "secrets"}, "shop", false},
	} {
		_, get := w.Get(test.gvr, test.namespace, "absent")
		_, list := w.List(test.gvr, test.namespace)
		if get != test.known || list != test.known {
			t.Errorf("%s: get known %v, list known %v, want %v", test.reason, get, list, test.known)
		}
	}
}

func TestServedResourcesAreLearnt(t *testing.T) {
	w := newWorld(Cluster{Name: "one"})
	served := `{"apiVersion":"v1","kind":"APIResourceList","metadata":{"name":"sea.example/v1"},"groupVersion":"sea.example/v1",
		"resources":[{"name":"boatyards","kind":"Boat","namespaced":false},{"name":"boatyards/status","kind":"BoatStatus"}]}`
	if err := w.add(&WorldObject{Cluster: "one", Object: []byte(served)}); err != nil {
		t.Fatal(err)
	}
	gvr, namespaced, known := w.Resources.ResourceFor(GVK{"sea.example", "v1", "Boat"})
	if gvr.Resource != "boatyards" || namespaced || !known {
		t.Errorf("Boat is %v, namespaced %v, known %v", gvr, namespaced, known)
	}
	if _, _, known := w.Resources.ResourceFor(GVK{"sea.example", "v1", "BoatStatus"}); known {
		t.Error("a subresource's kind was taken for a resource's")
	}
}

// plain decompresses a capture, so that tests can damage what is inside.
func plain(t *testing.T, path string) string {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	content, err := decoder.DecodeAll(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func compressed(t testing.TB, content string) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoder.EncodeAll([]byte(content), nil)
}

func TestBrokenCapturesAreRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	sample(t, good, "one")
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	text := plain(t, good)
	lines := strings.SplitAfter(text, "\n")
	for _, test := range []struct {
		reason string
		file   []byte
		want   string
	}{
		{"an empty file", nil, "truncated"},
		{"some other file", []byte("apiVersion: v1\nkind: Pod\n"), "not zstd-compressed"},
		{"cut in the compressed stream", raw[:len(raw)/2], "truncated"},
		{"cut after a whole line", compressed(t, strings.Join(lines[:3], "")), "end line is missing"},
		{"a changed byte", compressed(t, strings.Replace(text, "cart", "cars", 1)), "digest"},
		{"a record taken out", compressed(t, strings.Join(append(lines[:5:5], lines[6:]...), "")), "stands where"},
		{"a newer version", compressed(t, strings.Replace(text, `"version":1`, `"version":2`, 1)), "upgrade"},
		{"more after the end", compressed(t, text+lines[1]), "more after the end"},
		{"a line of an unknown kind", compressed(t, lines[0]+"{\"surprise\":{}}\n"), "no known kind"},
		{"no JSON", compressed(t, lines[0]+"hello\n"), "line 2"},
		{"another kind of document", compressed(t, `{"apiVersion":"v1","kind":"Pod"}`+"\n"), "header"},
		{"a record of nobody's cluster", compressed(t, lines[0]+strings.Replace(lines[5], `"cluster":"one"`, `"cluster":"two"`, 1)), "not introduced"},
	} {
		path := filepath.Join(dir, "broken")
		if err := os.WriteFile(path, test.file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want ErrFormat with %q", test.reason, err, test.want)
		}
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(filepath.Join(dir, "a.capture"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Cluster(Cluster{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// A line that could not be read is not written.
func TestTooLongALine(t *testing.T) {
	w, err := NewWriter(filepath.Join(t.TempDir(), "long"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	err = w.Record(&Record{Cluster: "c", Object: []byte(`"` + strings.Repeat("x", maxLine) + `"`), Origin: Origin{Source: "audit", File: "audit.log", Line: 7}})
	if err == nil || !strings.Contains(err.Error(), "what was read at audit.log:7 is larger than 64 MiB") {
		t.Errorf("a record of more than a line: %v", err)
	}
}

func TestMerge(t *testing.T) {
	dir := t.TempDir()
	a, b, out := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "out")
	again := filepath.Join(dir, "again")
	sample(t, a, "one")
	sample(t, again, "one")
	sample(t, b, "two")
	if _, err := Merge(t.Context(), out, []string{a, b}, false); err != nil {
		t.Fatal(err)
	}
	c, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Clusters) != 2 || c.End.Records != 4 || len(c.Skipped) != 2 {
		t.Errorf("merged: %d clusters, %d records, %d skipped; want 2, 4, 2", len(c.Clusters), c.End.Records, len(c.Skipped))
	}
	if _, err := Merge(t.Context(), filepath.Join(dir, "twice"), []string{a, again}, false); err == nil || !strings.Contains(err.Error(), "--cluster") {
		t.Errorf("the same cluster twice: %v, want an error that names the way out", err)
	}
	if _, err := Merge(t.Context(), filepath.Join(dir, "twice"), []string{a, a}, true); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("the same file twice: %v, want an error that says so", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "twice")); err == nil {
		t.Error("a refused merge left a file")
	}
	joined, err := Merge(t.Context(), filepath.Join(dir, "joined"), []string{a, again}, true)
	if err != nil || joined.Records != 4 {
		t.Errorf("joined: %d records (%v), want 4 of one cluster", joined.Records, err)
	}
	if c, err := Open(filepath.Join(dir, "joined")); err != nil || len(c.Clusters) != 1 {
		t.Errorf("joined: %v", err)
	}
}

// FuzzOpen feeds anything to the reader: it may refuse, it must not panic or hang.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(`{"header":{"apiVersion":"seatrial.dev/v1alpha1","kind":"Capture","version":1}}` + "\n" + `{"cluster":{"name":"a"}}` + "\n" + `{"world":{"cluster":"a","object":{"kind":"X"}}}` + "\n"))
	f.Add([]byte(`{"header":{"apiVersion":"seatrial.dev/v1alpha1","kind":"Capture","version":1}}` + "\n" + `{"end":{"records":9223372036854775807}}` + "\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, "fuzz")
		if err := os.WriteFile(path, compressed(t, string(content)), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(path); err == nil {
			for _, err := range c.Records() {
				if err != nil {
					t.Fatal(err)
				}
			}
		} else if !errors.Is(err, ErrFormat) {
			t.Fatalf("refused without saying that the format is wrong: %v", err)
		}
	})
}
