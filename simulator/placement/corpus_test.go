package placement

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const corpus = "../../../shared/corpus/placements"

// TestCorpus loads every published example. What is refused must be listed here with the
// reason: the examples are older than the API, or are fragments.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("../shared is not here: the published examples are not loaded")
	}
	files, objects, problems, warnings := 0, 0, 0, 0
	err := filepath.WalkDir(corpus, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		h, err := Load(context.Background(), path, Options{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		files++
		objects += len(h.Objects) + len(h.placements) + len(h.overrides) + len(h.strategies) + len(h.runs) + len(h.Members) + len(h.evictions) + len(h.budgets) + len(h.approvals)
		problems += len(h.Problems)
		warnings += len(h.Warnings)
		for _, p := range h.Problems {
			t.Logf("%s:%d: %s: %s", path, p.Line, p.Policy, p.Reason)
		}
		for _, p := range h.Warnings {
			t.Logf("%s:%d: %s %s: %s", path, p.Line, p.Code, p.Object, p.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d objects, %d problems, %d warnings", files, objects, problems, warnings)
}
