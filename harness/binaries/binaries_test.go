package binaries

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder makes a folder with files of these names and modes.
func folder(t *testing.T, files map[string]os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGivenFoldersWin(t *testing.T) {
	withTiny(t, "ok")
	first := folder(t, map[string]os.FileMode{"etcd": 0o755, "kyverno": 0o644, "kyverno-install.yaml": 0o644})
	second := folder(t, map[string]os.FileMode{"etcd": 0o755, "kube-apiserver": 0o755, "kwok-stages.yaml": 0o644})
	if err := os.Mkdir(filepath.Join(second, "kwok"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason string
		name   Name
		want   string // empty: not given
	}{
		{"the first folder that has it", Etcd, filepath.Join(first, "etcd")},
		{"a later folder has what the first has not", APIServer, filepath.Join(second, "kube-apiserver")},
		{"a program that cannot be run is none", Kyverno, ""},
		{"a file need not be runnable", KyvernoInstall, filepath.Join(first, "kyverno-install.yaml")},
		{"nor another", KwokStages, filepath.Join(second, "kwok-stages.yaml")},
		{"a folder is no program", Kwok, ""},
		{"nobody has it", ControllerManager, ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			s := &Store{Dir: t.TempDir(), Given: []string{first, second}, Offline: true}
			got, err := s.Get(t.Context(), test.name)
			if test.want == "" {
				if err == nil {
					t.Fatalf("got %v, want an error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[Name]string{test.name: test.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGivenWinsOverTheCache(t *testing.T) {
	g := withTiny(t, "ok")
	s := &Store{Dir: t.TempDir()}
	if _, err := s.Get(t.Context(), tiny); err != nil {
		t.Fatal(err)
	}
	mine := folder(t, map[string]os.FileMode{"tiny": 0o755})
	s.Given = []string{mine}
	got, err := s.Get(t.Context(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(mine, "tiny"); got[tiny] != want {
		t.Errorf("got %s, want %s", got[tiny], want)
	}
	if g.builds() != 1 {
		t.Errorf("built %d times, want once", g.builds())
	}
}

func TestDefaultTakesFromKubebuilderAssetsWhatTheyHave(t *testing.T) {
	withTiny(t, "ok")
	assets := folder(t, map[string]os.FileMode{"etcd": 0o755, "kube-apiserver": 0o755, "kubectl": 0o755})
	preferred := folder(t, map[string]os.FileMode{"etcd": 0o755})
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	t.Setenv("SEATRIAL_BINARIES", preferred)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	s := Default(nil)
	s.Offline = true
	got, err := s.Get(t.Context(), Etcd, APIServer)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Name]string{Etcd: filepath.Join(preferred, "etcd"), APIServer: filepath.Join(assets, "kube-apiserver")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Name{ControllerManager, Kyverno}, s.Missing(Etcd, Kyverno, APIServer, ControllerManager)); diff != "" {
		t.Errorf("missing: %s", diff)
	}
}

func TestRecipes(t *testing.T) {
	folders := map[string]string{} // by what must not share one
	for _, v := range KubernetesVersions() {
		for _, n := range All() {
			r, err := (&Store{}).For(v).recipe(n)
			if err != nil {
				t.Fatal(err)
			}
			if r.version == "" || r.module == "" {
				t.Errorf("%s: a recipe has a module and a version: %+v", n, r)
			}
			if (r.pkg == "") == (len(r.copy) == 0) {
				t.Errorf("%s: builds a package or copies files, one of them: %+v", n, r)
			}
			if pinned := r.isOurs() || strings.HasPrefix(r.sum, "h1:"); !pinned {
				t.Errorf("%s: is not pinned", n)
			}
			if a, b := r.digest(), r.digest(); a != b || len(a) != 12 {
				t.Errorf("%s: digests %q and %q", n, a, b)
			}
			key := r.module + " " + r.digest()
			if other, ok := folders[key]; ok && other != r.version {
				t.Errorf("%s: %s shares a folder with version %s", n, key, other)
			}
			folders[key] = r.version
		}
	}
}

func TestDigestChangesWithWhatIsPinned(t *testing.T) {
	base := recipe{module: "m", version: "v1.0.0", path: "example.com/m", sum: "h1:a"}
	seen := map[string]string{base.digest(): "the recipe itself"}
	for reason, change := range map[string]func(*recipe){
		"another version":       func(r *recipe) { r.version = "v1.0.1" },
		"another sum":           func(r *recipe) { r.sum = "h1:b" },
		"another module":        func(r *recipe) { r.path = "example.com/n" },
		"a file":                func(r *recipe) { r.copy = []string{"a.yaml"} },
		"another file":          func(r *recipe) { r.copy = []string{"b.yaml"} },
		"our module's own sums": func(r *recipe) { r.files = sources },
		"those of another one":  func(r *recipe) { r.files = sources + "-1.35" },
	} {
		r := base
		change(&r)
		if other, ok := seen[r.digest()]; ok {
			t.Errorf("%s has the digest of %s", reason, other)
		}
		seen[r.digest()] = reason
	}
}
