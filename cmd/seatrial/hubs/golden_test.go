package hubs

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

var update = flag.Bool("update", false, "rewrite testdata")

var now = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)

const fixtures = "../../../fixtures/hub/"

// planned is a plan as text, or why there is none.
func planned(t *testing.T, f Flags) string {
	t.Helper()
	asked, err := Ask(t.Context(), f, Options{At: now})
	var mistake *Malformed
	if errors.As(err, &mistake) {
		return "malformed: " + strings.ReplaceAll(err.Error(), shared, "") + "\n"
	}
	if err != nil {
		t.Fatal(err)
	}
	plan, err := asked.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render.Plan(&out, "text", asked.Report(plan, reports.Tool{Name: "seatrial"}, now), render.Options{}); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(fixtures, "", shared+"corpus/placements/", "").Replace(out.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
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
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// TestFixtures holds what the plans of our own hubs say.
func TestFixtures(t *testing.T) {
	before := []string{fixtures + "before"}
	for name, f := range map[string]Flags{
		"classic":           {Hub: fixtures + "classic", Fleet: fixtures + "fleet.yaml", From: before},
		"classic-20":        {Hub: fixtures + "classic", Fleet: fixtures + "fleet20.yaml", From: before},
		"classic-first":     {Hub: fixtures + "classic", Fleet: fixtures + "fleet.yaml"},
		"without-effect":    {Hub: fixtures + "without-effect", Fleet: fixtures + "fleet.yaml", From: before},
		"namespace":         {Hub: fixtures + "namespace", Fleet: fixtures + "fleet.yaml"},
		"staged-20":         {Hub: fixtures + "staged", Fleet: fixtures + "fleet20.yaml", From: []string{fixtures + "staged-before"}},
		"staged-left":       {Hub: fixtures + "staged", Fleet: fixtures + "fleet20.yaml", From: []string{fixtures + "staged-before"}, Events: []string{"stage-eu-1 leaves"}},
		"classic-relabel":   {Hub: fixtures + "classic", Fleet: fixtures + "fleet.yaml", From: before, Events: []string{"staging label environment=development"}},
		"classic-unhealthy": {Hub: fixtures + "classic", Fleet: fixtures + "fleet.yaml", From: before, Events: []string{"production unhealthy 10m", "hub down"}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, filepath.Join("testdata", "fixtures", name+".txt"), planned(t, f)) })
	}
}

const shared = "../../../../shared/"

// TestPublished holds the plans of published examples against one written fleet. The
// golden files are our output; the examples are not part of the project.
func TestPublished(t *testing.T) {
	root := shared + "corpus/placements"
	if _, err := os.Stat(root); err != nil {
		t.Skip("the published examples are not here: ", err)
	}
	n := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".yaml" && filepath.Ext(file) != ".yml" {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		n++
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", "published", strings.TrimSuffix(name, filepath.Ext(name))+".txt"), planned(t, Flags{Hub: file, Fleet: "testdata/fleet.yaml"}))
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Errorf("%d examples, want at least 100", n)
	}
}
