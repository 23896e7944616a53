package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports"
)

const hubFixture = "../../../fixtures/hub/"

// TestLiveHub asks every verb about a hub that runs, a real API server with KubeFleet's
// kinds: the answers are those of the same objects in files, and the hub stays as it is.
func TestLiveHub(t *testing.T) {
	if testing.Short() {
		t.Skip("starts clusters")
	}
	kubeconfig, client := startHub(t, hubFixture+"classic")
	world := captureOf(t)
	before := versionsOf(t, client)
	live, files := []string{"--hub", "context:hub", "--kubeconfig", kubeconfig}, []string{"--hub", hubFixture + "classic"}
	at := []string{"--at", "2026-11-23T08:00:00Z", "-o", "json"}
	fleet := []string{"--fleet", hubFixture + "fleet.yaml"}

	for _, verb := range [][]string{{"plan"}, {"plan", "--from", hubFixture + "before"}} {
		a, b := planOf(t, slices.Concat(verb, live, fleet, at)), planOf(t, slices.Concat(verb, files, fleet, at))
		if d := cmp.Diff(b, a); d != "" {
			t.Errorf("%v: -files +live:\n%s", verb, d)
		}
	}
	back := planOf(t, slices.Concat([]string{"plan", "--hub", hubFixture + "before", "--from", "context:hub", "--kubeconfig", kubeconfig}, fleet, at))
	if want := planOf(t, slices.Concat([]string{"plan", "--hub", hubFixture + "before", "--from", hubFixture + "classic"}, fleet, at)); !cmp.Equal(want, back) {
		t.Errorf("back from the live hub: -files +live:\n%s", cmp.Diff(want, back))
	}

	one := filepath.Join(t.TempDir(), "staging.yaml")
	saveFile(t, one, "apiVersion: seatrial.dev/v1alpha1\nkind: Fleet\nspec: {clusters: [{name: staging, labels: {environment: staging, region: eu, shop.example/canary: 'true'}}]}\n")
	replayed := func(hub []string) reports.Report {
		return answerOf[reports.Report](t, exitExceeded, slices.Concat([]string{"replay", "--capture", world, "--hub-from", hubFixture + "before", "--fleet", one}, hub, at))
	}
	if a, b := replayed(live), replayed(files); a.Headline != b.Headline || !cmp.Equal(a.Totals, b.Totals) {
		t.Errorf("replay: %s, by files %s", a.Headline, b.Headline)
	}
	drifted := func(hub []string) reports.Drift {
		return answerOf[reports.Drift](t, exitExceeded, slices.Concat([]string{"drift", "--capture", world, "--fleet", one}, hub, at))
	}
	if a, b := drifted(live), drifted(files); a.Headline != b.Headline || !cmp.Equal(a.Findings, b.Findings) || !cmp.Equal(a.Totals, b.Totals) {
		t.Errorf("drift: %s %+v, by files %s %+v", a.Headline, a.Findings, b.Headline, b.Findings)
	}
	if code, _, text := runReal(t, "check", "--hub", "context:hub", "--base", "HEAD", "--capture", world); code != exitUsage || !strings.Contains(text, "check compares a folder at two revisions") {
		t.Errorf("check: exit code %d: %s", code, text)
	}
	if code, _, text := runReal(t, slices.Concat([]string{"plan", "--hub", "context:other", "--kubeconfig", kubeconfig}, fleet)...); code != exitUsage || !strings.Contains(text, `there is no context "other"`) {
		t.Errorf("another context: exit code %d: %s", code, text)
	}

	rehearsed := answerOf[reports.Report](t, exitExceeded, slices.Concat([]string{"rehearse", "--capture", world, "--hub-from", hubFixture + "before", "--fleet", one, "--approve", "all"}, live, at))
	if h := rehearsed.Rehearsal.Hub; h.Objects != "context:hub" || h.Compared == 0 || h.Agreed != h.Compared || len(rehearsed.Rehearsal.Fidelity.Misses) > 0 {
		t.Errorf("rehearse: %+v, fidelity %+v", h, rehearsed.Rehearsal.Fidelity)
	}
	if d := cmp.Diff(before, versionsOf(t, client)); d != "" {
		t.Errorf("the live hub was written to:\n%s", d)
	}
}
