package kyverno

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/source"
)

// themesDir holds what a live cluster is asked in the end-to-end tests.
const themesDir = "../../../harness/e2e/testdata/fidelity"

// TestThemes replays each theme of the end-to-end tests and compares with its file
// answers.txt. The specs on a live cluster hold the same answers to be true, so that one
// that changes here is wrong, or the cluster's is to be looked at.
func TestThemes(t *testing.T) {
	themes, err := filepath.Glob(filepath.Join(themesDir, "*", "policies.yaml"))
	if err != nil || len(themes) == 0 {
		t.Fatalf("no themes: %v", err)
	}
	for _, path := range themes {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			set, err := policy.Load(t.Context(), path, policy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range set.Objects {
				set.Objects[i].File = filepath.Base(path)
			}
			admin := capture.User{Username: "seatrial-admin", Groups: []string{"system:masters", "system:authenticated"}}
			got := answersTo(t, captureTheme(t, dir), "themes", set, admin, Options{}, "")
			file := filepath.Join(dir, "answers.txt")
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// captureTheme captures the world, the manifests and the audit log of a theme.
func captureTheme(t *testing.T, dir string) *capture.Capture {
	t.Helper()
	cluster := capture.Cluster{Name: "themes", Source: "audit", Complete: true}
	return capturedBy(t, func(w *capture.Writer) {
		if err := w.Cluster(cluster); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"world.yaml", "requests.yaml", "audit.jsonl"} {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			part := capturedBy(t, func(w *capture.Writer) { readTheme(t, w, cluster, path) })
			copyTheme(t, w, part, name != "world.yaml")
		}
	})
}

func readTheme(t *testing.T, w *capture.Writer, cluster capture.Cluster, path string) {
	t.Helper()
	read := func(ctx context.Context) error {
		if filepath.Ext(path) == ".jsonl" {
			_, err := source.Audit(ctx, w, cluster, []string{path}, nil, nil, true)
			return err
		}
		_, err := source.Manifests(ctx, w, cluster, []string{path}, nil, true)
		return err
	}
	if err := read(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// copyTheme adds what part holds to w: its world, and its records if they were asked for.
func copyTheme(t *testing.T, w *capture.Writer, part *capture.Capture, records bool) {
	t.Helper()
	for _, o := range part.World("themes").Objects(func(string, string) bool { return true }) {
		if err := w.World(*o); err != nil {
			t.Fatal(err)
		}
	}
	for r, err := range part.Records() {
		if err == nil && records {
			err = w.Record(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func capturedBy(t *testing.T, write func(*capture.Writer)) *capture.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.capture")
	w, err := capture.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
