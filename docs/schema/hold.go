package schema

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Hold fails a test when a schema in docs is not what a [Maker] has made; with update it
// is rewritten instead.
func Hold(t testing.TB, path string, made []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(stored), string(made)); diff != "" {
		t.Errorf("%s (run with -update if this is meant) (-want +got):\n%s", path, diff)
	}
}
