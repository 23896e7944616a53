package kyverno

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The configuration of clusters whose own is not captured is the release's.
func TestTheDefaultConfigurationIsTheReleases(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kyverno/kyverno").Output()
	if err != nil {
		t.Fatalf("find the Kyverno module: %v", err)
	}
	manifest, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "config", "install-latest-testing.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) (m corev1.ConfigMap) {
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	documents := strings.Split(string(manifest), "\n---\n")
	at := slices.IndexFunc(documents, func(d string) bool { return strings.Contains(d, "kind: ConfigMap\nmetadata:\n  name: kyverno\n") })
	if at < 0 {
		t.Fatal("the release's manifest has no configuration")
	}
	// The kyverno namespace is filtered as a whole, so that its parts need no filters.
	filters := func(m corev1.ConfigMap) []string {
		return slices.DeleteFunc(strings.Fields(m.Data["resourceFilters"]), func(f string) bool {
			return strings.Contains(f, ",kyverno,") && f != "[*/*,kyverno,*]"
		})
	}
	release, own := read(documents[at]), read(string(defaultConfigMap))
	if d := cmp.Diff(filters(release), filters(own)); d != "" {
		t.Errorf("resource filters (-release +own):\n%s", d)
	}
	for _, key := range []string{"enableDefaultRegistryMutation", "defaultRegistry", "excludeGroups", "updateRequestThreshold"} {
		if release.Data[key] != own.Data[key] {
			t.Errorf("%s is %q, and the release's %q", key, own.Data[key], release.Data[key])
		}
	}
}
