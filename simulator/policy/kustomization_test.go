package policy_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/policy"
)

// overlays are a base with two policies, and an overlay that enforces one, renames all, adds an exception,
// and does not take a draft.
var overlays = map[string]string{
	"base/kustomization.yaml":        "resources: [one.yaml, two.yaml]\n",
	"base/one.yaml":                  "# ours\n" + named("one"),
	"base/two.yaml":                  named("two"),
	"prod/kustomization.yml":         "resources: [../base, except]\nnamePrefix: prod-\npatches: [{path: enforce.yaml}]\n",
	"prod/enforce.yaml":              "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: one}\nspec: {validationFailureAction: Enforce}\n",
	"prod/except/kustomization.yaml": "resources: [exception.yaml]\n",
	"prod/except/exception.yaml":     "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: legacy, namespace: shop}\nspec: {exceptions: []}\n",
	"prod/draft.yaml":                named("draft"),
	"prod/values.yaml":               "replicas: 3\n",
	"prod/unused/kustomization.yaml": "resources: [x.yaml]\n",
	"prod/unused/x.yaml":             "- no mapping\n",
}

func TestKustomization(t *testing.T) {
	dir := t.TempDir()
	for name, content := range overlays {
		write(t, dir, name, content)
	}
	commitAll(t, dir)
	onDisk := load(t, dir, "prod")
	var got []string
	for _, o := range onDisk.Objects {
		got = append(got, fmt.Sprintf("%s:%d %s %t", o.File, o.Line, o.Title(), strings.Contains(string(o.JSON), "Enforce")))
	}
	want := []string{"../base/one.yaml:2 ClusterPolicy/prod-one true", "../base/two.yaml:1 ClusterPolicy/prod-two false", "except/exception.yaml:1 PolicyException/shop/prod-legacy false"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	got = nil
	for _, p := range onDisk.Ignored {
		got = append(got, fmt.Sprintf("%s:%d %s: %s", p.File, p.Line, p.Policy, p.Reason))
	}
	want = []string{"draft.yaml:1 ClusterPolicy/draft: " + policy.NotTaken, "unused/x.yaml:1 : " + policy.NotTaken, "values.yaml:1 : " + policy.NotTaken}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("passed over (-want +got):\n%s", d)
	}
	if len(onDisk.Problems) > 0 || onDisk.Kustomization != "kustomization.yml" {
		t.Errorf("problems %v, by %q", onDisk.Problems, onDisk.Kustomization)
	}
	inGit := load(t, dir, "git:HEAD:prod")
	inGit.Source, inGit.Revision = onDisk.Source, onDisk.Revision
	if d := cmp.Diff(onDisk, inGit); d != "" {
		t.Errorf("at a revision it is another one (-disk +git):\n%s", d)
	}
	written, err := policy.Load(t.Context(), "prod", policy.Options{Dir: dir, AsWritten: true})
	if err != nil || len(written.Objects) != 3 || written.Objects[0].Name != "draft" {
		t.Errorf("as written: %v, %v", written, err)
	}
}

// At a revision, links lead where git has them lead, and files are those of the revision.
func TestKustomizationOfARevision(t *testing.T) {
	dir := t.TempDir()
	for name, content := range overlays {
		write(t, dir, name, content)
	}
	write(t, dir, "linked/kustomization.yaml", "resources: [shared, alone.yaml]\n")
	write(t, dir, "top/kust.yaml", "resources: [one.yaml]\nnamePrefix: linked-\n")
	write(t, dir, "top/one.yaml", named("one"))
	for link, target := range map[string]string{"linked/shared": "../base", "linked/alone.yaml": "../prod/draft.yaml", "top/kustomization.yaml": "kust.yaml"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	commitAll(t, dir)
	write(t, dir, "base/two.yaml", named("changed-since"))
	write(t, dir, "linked/kustomization.yaml", "resources: [nowhere.yaml]\n")
	var names []string
	for _, o := range load(t, dir, "git:HEAD:linked").Objects {
		names = append(names, o.Name)
	}
	if d := cmp.Diff([]string{"draft", "one", "two"}, names); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	for _, spec := range []string{"top", "git:HEAD:top"} {
		if o := load(t, dir, spec).Objects; len(o) != 1 || o[0].Name != "linked-one" {
			t.Errorf("%s, whose kustomization is a link: %v", spec, o)
		}
	}
	for _, p := range load(t, dir, "git:HEAD:linked").Ignored {
		t.Errorf("a link that is taken is passed over: %v", p)
	}
}

func TestWhatKustomizeDoesNotBuild(t *testing.T) {
	for _, test := range []struct {
		reason, kustomization string
		says                  []string // nil: the folder is read as it is
	}{
		{"an object of Flux's", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: x}\n", nil},
		{"an object of Flux's beside a kustomization", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {}\n---\nresources: [one.yaml]\n", []string{"policies/kustomization.yaml: "}},
		{"a remote base", "resources: [one.yaml, https://example.com/policies]\n", []string{"policies/kustomization.yaml", "is remote, and nothing is fetched", "kubectl kustomize prints"}},
		{"a chart", "resources: [one.yaml]\nhelmCharts: [{name: c}]\n", []string{"asks for helm charts", "--enable-helm"}},
		{"a file that is not there", "resources: [nowhere.yaml]\n", []string{"policies/kustomization.yaml: ", "nowhere.yaml"}},
		{"a field that kustomize does not know", "resource: [one.yaml]\n", []string{"policies/kustomization.yaml: "}},
	} {
		dir := t.TempDir()
		write(t, dir, "policies/one.yaml", named("one"))
		write(t, dir, "policies/kustomization.yaml", test.kustomization)
		set, err := policy.Load(t.Context(), "policies", policy.Options{Dir: dir})
		if test.says == nil {
			if err != nil || len(set.Objects) != 1 || set.Kustomization != "" {
				t.Errorf("%s: %v, %v", test.reason, set, err)
			}
			continue
		}
		var build *policy.BuildError
		if !errors.As(err, &build) || errors.Is(err, policy.ErrEmpty) {
			t.Errorf("%s: %v, %v", test.reason, set, err)
			continue
		}
		for _, text := range test.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", test.reason, err, text)
			}
		}
	}
}
