package placement

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/policy"
)

// wrapped is the folder of a hub that keeps a policy beside the namespace it "belongs" to.
var wrapped = map[string]string{
	"policies/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: kyverno-policies}\n",
	"policies/labels.yaml":    "# the baseline\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: require-labels}\nspec: {rules: []}\n",
	"placements/all.yaml": `apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: all}
spec: {resourceSelectors: [{group: "", version: v1, kind: Namespace, name: kyverno-policies}]}
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: broken}
spec: {resourceSelectors: [], policies: {}}
`,
	"broken.yaml":                "apiVersion: v1\nkind: ConfigMap\n bad: x\n",
	"overlay/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
	"README.md":                  "not a manifest",
}

func writeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What people write into a hub's folder without meaning it is told with its place.
func TestLoadOddities(t *testing.T) {
	h, err := Load(t.Context(), writeFolder(t, map[string]string{
		"a/kustomization.yaml": "resources: [x.yaml]\n",
		"twice.yaml":           "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: b\n  a: c\n",
		"secret.yaml":          "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {hunter2: a, hunter2: b}\n",
		"values.yaml":          "replicas: 3\n",
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range h.Warnings {
		got = append(got, fmt.Sprintf("%s %s:%d %s", w.Code, w.File, w.Line, w.Object))
		if strings.Contains(w.Text, "hunter2") {
			t.Errorf("the text names a key of a Secret: %s", w.Text)
		}
	}
	sameLines(t, "warnings", []string{"kustomization a/kustomization.yaml:1 kustomization.yaml", "key-twice secret.yaml:4 Secret/s", "key-twice twice.yaml:6 ConfigMap/c", "no-object values.yaml:1 values.yaml"}, got)
}

// A hub is what kustomize builds of its folder; what that leaves out is told.
func TestLoadBuilds(t *testing.T) {
	h, err := Load(t.Context(), writeFolder(t, map[string]string{
		"kustomization.yaml": "resources: [config.yaml]\nnameSuffix: -eu\n",
		"config.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
		"draft.yaml":         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: draft}\n",
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range h.Objects {
		got = append(got, o.Title())
	}
	for _, w := range h.Warnings {
		got = append(got, fmt.Sprintf("%s %s:%d %s", w.Code, w.File, w.Line, w.Object))
	}
	sameLines(t, "objects and warnings", []string{"ConfigMap/default/c-eu", "not-taken draft.yaml:1 ConfigMap/draft"}, got)
}

func TestLoadFolder(t *testing.T) {
	h, err := Load(t.Context(), writeFolder(t, wrapped), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range h.Problems {
		got = append(got, fmt.Sprintf("%s:%d %s: %s", p.File, p.Line, p.Policy, p.Reason))
	}
	sameLines(t, "problems", []string{
		"broken.yaml:3 : YAML: mapping values are not allowed in this context",
		"placements/all.yaml:6 ClusterResourcePlacement/broken: spec.resourceSelectors: Invalid value: 0: spec.resourceSelectors in body should have at least 1 items",
	}, got)
	var places []string
	for _, w := range h.Warnings {
		places = append(places, fmt.Sprintf("%s %s:%d", w.Code, w.File, w.Line))
	}
	sameLines(t, "warnings", []string{"kustomization overlay/kustomization.yaml:1", "pruned placements/all.yaml:6"}, places)
	if len(h.Objects) != 2 || len(h.placements) != 1 {
		t.Fatalf("want 2 objects and 1 placement, got %d and %d", len(h.Objects), len(h.placements))
	}
	selected := h.selects(h.placements[0])
	sameLines(t, "warnings", []string{
		`namespace-does-not-take ClusterResourcePlacement/all: selecting Namespace "kyverno-policies" does not take ClusterPolicy "require-labels", which lies in the same folder: ClusterPolicy is cluster-scoped and needs a selector of its own | add to spec.resourceSelectors: {group: kyverno.io, version: v1, kind: ClusterPolicy, name: require-labels}`,
	}, warningLines(selected.warnings))
	if len(selected.objects) != 1 {
		t.Errorf("want the Namespace alone, got %v", selected.refs())
	}
}

func TestLoadGit(t *testing.T) {
	dir := writeFolder(t, wrapped)
	git := func(args ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Skipf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	first := git("rev-parse", "HEAD")
	if err := os.WriteFile(filepath.Join(dir, "policies/labels.yaml"), []byte(strings.Replace(wrapped["policies/labels.yaml"], "[]", "[{name: a}]", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := Options{Dir: dir}
	before, err := Load(t.Context(), "git:HEAD:policies", opt)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Load(t.Context(), "policies", opt)
	if err != nil {
		t.Fatal(err)
	}
	if before.Revision != first || before.Source != "git:HEAD:policies" || len(before.Objects) != 2 {
		t.Errorf("want 2 objects at %s, got %d at %s", first, len(before.Objects), before.Revision)
	}
	if before.Digest == after.Digest || !strings.HasPrefix(after.Digest, "sha256:") {
		t.Errorf("the digests of two states are %q and %q", before.Digest, after.Digest)
	}
	if _, err := Load(t.Context(), "git:HEAD:nothing", opt); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("want an error that names the path, got %v", err)
	}
	if _, err := Load(t.Context(), "nowhere", opt); err == nil {
		t.Error("want an error for a folder that is not there")
	}
	if _, err := Load(t.Context(), dir, Options{KubeFleet: "v9"}); err == nil || !strings.Contains(err.Error(), "v0.3.1 or main") {
		t.Errorf("want an error that names the releases, got %v", err)
	}
}

// TestFromObjects takes a live hub's objects: a member without an agent is not connected,
// which a hand-written one is taken to be.
func TestFromObjects(t *testing.T) {
	live := `{"apiVersion":"cluster.kubernetes-fleet.io/v1beta1","kind":"MemberCluster","metadata":{"name":"m1","uid":"u"},"spec":{"identity":{"kind":"User","name":"a"}}}`
	hand := strings.NewReplacer(`,"uid":"u"`, "", "m1", "m2").Replace(live)
	objects := []policy.Object{
		{APIVersion: "cluster.kubernetes-fleet.io/v1beta1", Kind: "MemberCluster", Name: "m1", JSON: []byte(live)},
		{APIVersion: "cluster.kubernetes-fleet.io/v1beta1", Kind: "MemberCluster", Name: "m2", JSON: []byte(hand)},
		{APIVersion: "v1", Kind: "ConfigMap", Name: "c", JSON: []byte(`not json`)},
	}
	h, err := FromObjects("context hub", objects, Options{KubeFleet: Main})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Members) != 2 {
		t.Fatalf("want 2 members, got %d (%v)", len(h.Members), problemLines(h.Problems))
	}
	if got := h.Members[0].ineligible(vectorClock); got != "cluster is not connected to the fleet: member agent not online yet" {
		t.Errorf("live member: %q", got)
	}
	if got := h.Members[1].ineligible(vectorClock); got != "" {
		t.Errorf("hand-written member: %q", got)
	}
	sameLines(t, "problems", []string{"ConfigMap/c: is no JSON object"}, problemLines(h.Problems))
}

func TestMergeMembers(t *testing.T) {
	file := NewMember("m1", map[string]string{"env": "dev"})
	live := &Member{Name: "m1", Labels: map[string]string{"env": "prod", "region": "eu"}, Taints: []Taint{{Key: "a", Effect: noSchedule}}, Properties: map[string]string{"nodes": "3"}, status: &memberStatus{}}
	got := MergeMembers([]*Member{NewMember("m2", nil), file}, []*Member{live})
	if len(got) != 2 || got[0].Name != "m1" || got[1].Name != "m2" {
		t.Fatalf("want m1 and m2, got %v", got)
	}
	want := map[string]string{"env": "dev", "region": "eu", memberNameLabel: "m1"}
	if diff := cmp.Diff(want, got[0].Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got[0].status == nil || len(got[0].Taints) != 1 || got[0].Properties["nodes"] != "3" {
		t.Errorf("what the hub reports is missing: %+v", got[0])
	}
	if len(file.Labels) != 2 || len(file.Taints) != 0 {
		t.Errorf("the given member has changed: %+v", file)
	}
}

// TestTooManyOverrides is KubeFleet's limit: a hub takes 100 ClusterResourceOverrides.
func TestTooManyOverrides(t *testing.T) {
	var hub []string
	for i := range 101 {
		hub = append(hub, fmt.Sprintf(`apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourceOverride
metadata: {name: o-%03d}
spec:
  clusterResourceSelectors: [{group: kyverno.io, version: v1, kind: ClusterPolicy, name: p-%d}]
  policy: {overrideRules: [{overrideType: Delete, clusterSelector: {clusterSelectorTerms: []}}]}`, i, i))
	}
	h := hubOf(t, V031, hub...)
	if len(h.overrides) != 100 {
		t.Errorf("want 100 overrides, got %d", len(h.overrides))
	}
	sameLines(t, "problems", []string{"ClusterResourceOverride/o-100: clusterResourceOverride limit has been reached: at most 100 cluster resources can be created."}, problemLines(h.Problems))
}

// TestGarbage loads objects of every kind with random pieces torn out, doubled or replaced.
func TestGarbage(t *testing.T) {
	var seeds []string
	for _, path := range []string{"placements.yaml", "overrides.yaml", "rollouts.yaml", "versions.yaml"} {
		content, err := os.ReadFile(filepath.Join("testdata/api", path))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(content), "\n  hub:") {
			_, text, _ := strings.Cut(line, "|\n")
			seeds = append(seeds, strings.ReplaceAll(text, "\n    ", "\n"))
		}
	}
	random := rand.New(rand.NewSource(1))
	pieces := []string{"null", "[]", "{}", "-1", "1e999", "\"\"", "[[1]]", "{a: {b: [c]}}", "true", "2026-01-01", "!!binary aGk=", "~", "*x", "\x00", "é"}
	for range 500 {
		text := strings.TrimPrefix(seeds[random.Intn(len(seeds))], "    ")
		for range 1 + random.Intn(4) {
			words := strings.SplitAfter(text, " ")
			i := random.Intn(len(words))
			switch random.Intn(3) {
			case 0:
				words[i] = pieces[random.Intn(len(pieces))] + " "
			case 1:
				words = slices.Delete(words, i, i+1)
			case 2:
				words = slices.Insert(words, i, words[random.Intn(len(words))])
			}
			text = strings.Join(words, "")
		}
		exercise(t, text)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("apiVersion: placement.kubernetes-fleet.io/v1\nkind: ClusterResourcePlacement\nmetadata: {name: a}\nspec: {resourceSelectors: [{group: a, version: b, kind: c}]}\n")
	f.Fuzz(func(t *testing.T, text string) { exercise(t, text) })
}

// exercise runs everything that takes what users write.
func exercise(t *testing.T, text string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("panics: %v\n%s", p, text)
		}
	}()
	set := policy.FromObjects("fuzz", nil)
	path := filepath.Join(os.TempDir(), fmt.Sprintf("seatrial-fuzz-%d.yaml", os.Getpid()))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	for _, release := range []Release{V031, Main} {
		h, err := Load(t.Context(), path, Options{KubeFleet: release, At: vectorClock})
		if err != nil {
			continue
		}
		set.Others = h.Objects
		for _, p := range h.placements {
			h.selects(p)
			schedule(p, 1, append(h.Members, NewMember("m1", nil)), []*binding{{Cluster: "m1", State: bound}}, vectorClock)
		}
		h.following(h)
	}
	if e, err := ParseEvent(text); err == nil {
		_, _ = e.apply([]*Member{NewMember("m1", nil)}, vectorClock)
	}
}

// bigHub has n placements of m policies each, with overrides, and a fleet.
func bigHub(n, fleet int) (manifests string, members []*Member) {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: policy-%03d, labels: {team: t%d}}
spec: {rules: [{name: a, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {message: m, pattern: {metadata: {labels: {team: "?*"}}}}}]}
---
apiVersion: placement.kubernetes-fleet.io/v1
kind: ClusterResourcePlacement
metadata: {name: placement-%03d}
spec:
  resourceSelectors: [{group: kyverno.io, version: v1, kind: ClusterPolicy, name: policy-%03d}]
  policy:
    placementType: PickN
    numberOfClusters: %d
    affinity:
      clusterAffinity:
        requiredDuringSchedulingIgnoredDuringExecution: {clusterSelectorTerms: [{labelSelector: {matchLabels: {env: prod}}}]}
        preferredDuringSchedulingIgnoredDuringExecution: [{weight: 10, preference: {propertySorter: {name: kubernetes-fleet.io/node-count, sortOrder: Descending}}}]
---
`, i, i%7, i, i, fleet/4)
	}
	for i := range fleet {
		m := NewMember(fmt.Sprintf("cluster-%03d", i), map[string]string{"env": []string{"prod", "dev"}[i%2], "region": fmt.Sprint("r", i%5)})
		m.Properties = map[string]string{"kubernetes-fleet.io/node-count": fmt.Sprint(i)}
		members = append(members, m)
	}
	return out.String(), members
}

func BenchmarkLoad(b *testing.B) {
	manifests, _ := bigHub(100, 200)
	path := filepath.Join(b.TempDir(), "hub.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h, err := Load(b.Context(), path, Options{})
		if err != nil || len(h.placements) != 100 {
			b.Fatal(err, len(h.placements), problemLines(h.Problems))
		}
	}
}

func BenchmarkSelectAndSchedule(b *testing.B) {
	manifests, members := bigHub(100, 200)
	path := filepath.Join(b.TempDir(), "hub.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		b.Fatal(err)
	}
	h, err := Load(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, p := range h.placements {
			if s := h.selects(p); len(s.objects) != 1 {
				b.Fatal(s)
			}
			if out, _, _, err := schedule(p, 0, members, nil, time.Time{}); err != nil || len(out) != 50 {
				b.Fatal(len(out), err)
			}
		}
	}
}
