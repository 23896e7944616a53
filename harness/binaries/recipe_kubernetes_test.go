package binaries

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKubernetesVersions(t *testing.T) {
	got := KubernetesVersions()
	if diff := cmp.Diff([]string{"v1.35.4", KubernetesVersion}, got); diff != "" {
		t.Error(diff)
	}
	for _, v := range got {
		if diff := cmp.Diff(sortedNames(kubernetes[KubernetesVersion]), sortedNames(kubernetes[v])); diff != "" {
			t.Errorf("%s: has other programs than the default version: %s", v, diff)
		}
	}
}

func sortedNames(m map[Name]recipe) (names []Name) {
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// A version that its own pins contradict would be built as another one, and say that it is this.
func TestPinsAreOfTheirVersion(t *testing.T) {
	staging := regexp.MustCompile(`(?m)^replace k8s\.io/\S+ => k8s\.io/\S+ (v\S+)$`)
	for _, v := range KubernetesVersions() {
		r := kubernetes[v][APIServer]
		mod, err := r.moduleFile("go.mod.txt")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(mod), "\tk8s.io/kubernetes "+v+"\n") {
			t.Errorf("%s: go.mod does not ask for it", v)
		}
		found := staging.FindAllStringSubmatch(string(mod), -1)
		if len(found) < 25 {
			t.Errorf("%s: go.mod replaces only %d modules of Kubernetes' repository", v, len(found))
		}
		for _, f := range found {
			if want := "v0." + strings.TrimPrefix(v, "v1."); f[1] != want {
				t.Errorf("%s: %s, want %s", v, f[0], want)
			}
		}
		sums, err := r.moduleFile("go.sum.txt")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(sums), "k8s.io/kubernetes "+v+" h1:") {
			t.Errorf("%s: go.sum does not know it", v)
		}
		if minor := strings.Split(v, ".")[1]; !strings.Contains(r.ldflags, "gitVersion="+v+" ") || !strings.Contains(r.ldflags, "gitMinor="+minor+" ") {
			t.Errorf("%s: would not say its version: %s", v, r.ldflags)
		}
	}
}

func TestFor(t *testing.T) {
	s := &Store{Dir: t.TempDir(), Offline: true}
	fingerprint := func(version string, n Name) string {
		t.Helper()
		got, err := s.For(version).Fingerprint(n)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, n := range All() {
		_, own := kubernetes[KubernetesVersion][n]
		if a, b := fingerprint("", n), fingerprint(KubernetesVersion, n); a != b {
			t.Errorf("%s: the default is %s, not %s", n, a, b)
		}
		if a, b := fingerprint("", n), fingerprint("v1.35.4", n); (a != b) != own {
			t.Errorf("%s: %s and %s", n, a, b)
		}
	}
	if s.kubernetes != "" {
		t.Error("the store itself is of another version now")
	}
	_, err := s.For("v1.30.0").Get(t.Context(), APIServer)
	if want := "kube-apiserver: not pinned for Kubernetes v1.30.0 (hint: pinned are v1.35.4, " + KubernetesVersion + ")"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if diff := cmp.Diff([]Name{APIServer}, s.For("v1.30.0").Missing(APIServer)); diff != "" {
		t.Error(diff)
	}
}

func TestGivenProgramsOfAnotherVersion(t *testing.T) {
	given := folder(t, map[string]os.FileMode{"etcd": 0o755, "kube-apiserver": 0o755, "kube-scheduler": 0o755})
	own := filepath.Join(given, "v1.35.4")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "kube-apiserver"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Store{Dir: t.TempDir(), Given: []string{given}, Offline: true}
	for _, test := range []struct {
		reason, version, want string
		name                  Name
	}{
		{"the default version's are in the folder itself", "", filepath.Join(given, "kube-apiserver"), APIServer},
		{"also when it is named", KubernetesVersion, filepath.Join(given, "kube-apiserver"), APIServer},
		{"another version's have a folder of its own", "v1.35.4", filepath.Join(own, "kube-apiserver"), APIServer},
		{"one of another version is none", "v1.35.4", "", Scheduler},
		{"what is no part of Kubernetes serves all", "v1.35.4", filepath.Join(given, "etcd"), Etcd},
		{"a version that is not pinned is not taken for the default", "v1.30.0", "", APIServer},
	} {
		if got := s.For(test.version).given(test.name); got != test.want {
			t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
		}
	}
}
