package capture

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answered writes a capture with answers of registries beside an earlier one.
func answered(t *testing.T, answers ...RegistryAnswer) *Capture {
	t.Helper()
	dir := t.TempDir()
	sample(t, filepath.Join(dir, "a"), "one")
	in := filepath.Join(dir, "a")
	for i, a := range answers { // one after the other, as a user may
		c, err := Open(in)
		if err != nil {
			t.Fatal(err)
		}
		object, err := a.WorldObject("one")
		if err != nil {
			t.Fatal(err)
		}
		in = filepath.Join(dir, string(rune('b'+i)))
		if _, err := c.WithWorld(context.Background(), in, map[string][]WorldObject{"one": {object}}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnswersOfRegistriesAreInTheWorld(t *testing.T) {
	first := RegistryAnswer{URL: "https://registry.test/v2/web/manifests/1", Status: 404, Fetched: at}
	again := RegistryAnswer{URL: first.URL, Status: 200, ContentType: "text/plain", Digest: "sha256:x", Body: []byte("web"), Fetched: at}
	other := RegistryAnswer{URL: "https://registry.test/v2/web/manifests/2", Failure: "denied", Fetched: at}
	c := answered(t, first, other, again)
	got, err := c.World("one").RegistryAnswers()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]RegistryAnswer{again, other}, got); diff != "" {
		t.Error(diff)
	}
	if c.End.World != 4 { // two of the sample, two answers: the first was replaced
		t.Errorf("%d objects in the world, want 4", c.End.World)
	}
	if c.End.Records != 2 || len(c.Skipped) != 1 {
		t.Errorf("%d records, %d skipped pieces: the rest of the capture is not as it was", c.End.Records, len(c.Skipped))
	}
	if c.World("one").NamespaceLabels("shop")["team"] != "web" {
		t.Error("the world is not as it was")
	}
}

func TestInfoCountsAnswersOfRegistries(t *testing.T) {
	c := answered(t,
		RegistryAnswer{URL: "https://registry.test/v2/web/manifests/1", Status: 200, Body: []byte("web"), Fetched: at},
		RegistryAnswer{URL: "https://other.test/v2/web/manifests/1", Failure: "denied", Fetched: at})
	info, err := Describe(c.Path, func(string, string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	want := &RegistryInfo{Answers: 1, Hosts: []string{"other.test", "registry.test"}, Bytes: 3, From: at, To: at,
		Failures: map[string]string{"https://other.test/v2/web/manifests/1": "denied"}}
	if diff := cmp.Diff(want, info.Clusters[0].Registries); diff != "" {
		t.Error(diff)
	}
}
