package placement

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateGolden = flag.Bool("update", false, "write golden files anew; look at the difference before it is kept")

// TestCorpusPlans plans every published example for one fleet: each file as a hub of its
// own, and each folder below examples as one. The golden file tells what comes of them;
// objects that an example does not hold are missing there, which the plans say.
func TestCorpusPlans(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("../shared is not here: the published examples are not planned")
	}
	var out strings.Builder
	err := filepath.WalkDir(corpus, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && filepath.Base(filepath.Dir(path)) != "examples" {
			return err
		}
		name, err := filepath.Rel(corpus, path)
		if err != nil {
			return err
		}
		plan := corpusPlan(t, path)
		if text := planText(plan); text != "" {
			fmt.Fprintf(&out, "== %s\n%s", filepath.ToSlash(name), text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "corpus-plans.txt")
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", golden, d)
	}
}

// corpusPlan plans a file twice: the same question has the same answer, byte for byte.
func corpusPlan(t *testing.T, path string) *Plan {
	t.Helper()
	var first []byte
	var plan *Plan
	for range 2 {
		opt := Options{At: vectorsAt}
		hub, err := Load(context.Background(), path, opt)
		if err != nil {
			t.Fatal(err)
		}
		fleet := []*Member{
			NewMember("bravelion", map[string]string{"env": "prod", "environment": "production", "region": "eastus"}),
			NewMember("jumpingcat", map[string]string{"env": "canary", "environment": "canary", "region": "westus", "order": "1"}),
			NewMember("smartfish", map[string]string{"env": "test", "environment": "staging", "region": "eastus", "order": "2"}),
		}
		if plan, err = (KubeFleet{opt}).Plan(context.Background(), Question{After: hub, Members: fleet}); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && string(first) != string(raw) {
			t.Errorf("%s: two plans of one question differ", path)
		}
		first = raw
	}
	return plan
}

// planText is a plan in a few lines; empty for a file without placements and problems.
func planText(p *Plan) string {
	var out strings.Builder
	for _, x := range p.Placements {
		var picked []string
		for _, d := range x.Decisions {
			if d.Selected {
				picked = append(picked, d.Cluster)
			}
		}
		fmt.Fprintf(&out, "%s/%s %s %s: %s: %d objects to %s\n", x.Kind, strings.TrimPrefix(x.Namespace+"/"+x.Name, "/"), x.Type, x.Strategy, x.Scheduled.Reason, len(x.Selected), orNone(picked))
	}
	for _, s := range p.Stages[1:] {
		fmt.Fprintf(&out, "  %s\n", describeStage(s))
	}
	codes := map[string]bool{}
	for _, w := range p.Warnings {
		codes[w.Code] = true
	}
	for _, x := range p.Problems {
		fmt.Fprintf(&out, "  refused: %s: %s\n", x.Policy, x.Reason)
	}
	if out.Len() > 0 && len(codes) > 0 {
		fmt.Fprintf(&out, "  warnings: %s\n", strings.Join(sortedKeys(codes), ", "))
	}
	return out.String()
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
