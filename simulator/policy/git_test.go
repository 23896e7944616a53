package policy_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/policy"
)

// history is a repository with three states of a policy folder: the tag v1 (one), the
// branch next (one, two), and main (two, in a file of its own).
func history(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "policies/one.yaml", named("one"))
	commitAll(t, dir)
	git(t, dir, "tag", "--annotate", "--message=first", "v1")
	git(t, dir, "checkout", "--quiet", "-b", "next")
	write(t, dir, "policies/deep/er/two.yaml", named("two"))
	write(t, dir, ".github/policies/hidden.yaml", named("in-a-hidden-folder"))
	write(t, dir, "elsewhere/three.yaml", named("three"))
	commitAll(t, dir)
	git(t, dir, "checkout", "--quiet", "main")
	git(t, dir, "rm", "--quiet", "-r", "policies")
	write(t, dir, "policies.yaml", named("two"))
	commitAll(t, dir)
	return dir
}

func TestGitRevisions(t *testing.T) {
	dir := history(t)
	write(t, dir, "policies/uncommitted.yaml", named("uncommitted"))
	for _, test := range []struct {
		reason string
		spec   string
		from   string // folder below the repository
		names  []string
	}{
		{"a branch", "git:next:policies", "", []string{"two", "one"}},
		{"an annotated tag is its commit", "git:v1:policies", "", []string{"one"}},
		{"a relative revision", "git:main~1:policies", "", []string{"one"}},
		{"a commit hash", "git:" + git(t, dir, "rev-parse", "v1^{commit}") + ":policies", "", []string{"one"}},
		{"a search of the log", "git:HEAD^{/state}:policies.yaml", "", []string{"two"}},
		{"a file", "git:main:policies.yaml", "", []string{"two"}},
		{"the whole tree, hidden folders left out", "git:next:", "", []string{"three", "two", "one"}},
		{"a dot is the whole tree", "git:next:.", "", []string{"three", "two", "one"}},
		{"a hidden folder that is asked for", "git:next:.github/policies", "", []string{"in-a-hidden-folder"}},
		{"a slash at the end", "git:next:policies/", "", []string{"two", "one"}},
		{"a slash at the start", "git:next:/policies", "", []string{"two", "one"}},
		{"no way out of the tree", "git:next:../../policies", "", []string{"two", "one"}},
		{"paths count from the top, wherever one stands", "git:next:policies/deep", "policies", []string{"two"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			set := load(t, filepath.Join(dir, test.from), test.spec)
			var names []string
			for _, o := range set.Objects {
				names = append(names, o.Name)
			}
			if diff := cmp.Diff(test.names, names); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			if len(set.Revision) != 40 || set.Source != test.spec {
				t.Errorf("%s: revision %q, source %q", test.reason, set.Revision, set.Source)
			}
		})
	}
}

func TestGitRefuses(t *testing.T) {
	dir := history(t)
	shallow := filepath.Join(t.TempDir(), "shallow")
	git(t, dir, "clone", "--quiet", "--depth=1", "--branch=main", "file://"+dir, shallow)
	empty := t.TempDir()
	git(t, empty, "init", "--quiet", "--initial-branch=main")
	withSub := t.TempDir()
	write(t, withSub, "p.yaml", named("p"))
	commitAll(t, withSub)
	git(t, withSub, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "file://"+dir, "vendored")
	commitAll(t, withSub)
	if ignored := load(t, withSub, "git:HEAD:").Ignored; len(ignored) != 1 || ignored[0].File != "vendored" {
		t.Errorf("the submodule is not named: %v", ignored)
	}
	for _, test := range []struct {
		reason string
		dir    string
		spec   string
		says   []string
	}{
		{"a revision that does not exist", dir, "git:nowhere:policies", []string{`"nowhere" is not in this repository`, "git fetch"}},
		{"a hash that does not exist", dir, "git:" + strings.Repeat("1", 40) + ":policies", []string{"is not in this repository"}},
		{"a revision that is an option", dir, "git:--all:policies", []string{`"--all" is not in this repository`}},
		{"a revision that names a tree", dir, "git:main^{tree}:policies", []string{"is not in this repository"}},
		{"a path that does not exist there", dir, "git:main:policies", []string{`path "policies" does not exist at revision`, "top of the repository"}},
		{"a path is no pattern", dir, "git:main:pol*", []string{`path "pol*" does not exist`}},
		{"a path is no magic pathspec", dir, "git:main::(top)policies.yaml", []string{"does not exist"}},
		{"an older commit of a shallow clone", shallow, "git:main~1:policies", []string{"shallow clone", "git fetch --unshallow", "fetch-depth: 0"}},
		{"a repository without a commit", empty, "git:HEAD:", []string{"is not in this repository"}},
		{"a submodule holds nothing of its own", withSub, "git:HEAD:vendored", []string{"submodule"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			set, err := policy.Load(t.Context(), test.spec, policy.Options{Dir: test.dir})
			if err == nil {
				t.Fatalf("%s: no error, %d objects", test.reason, len(set.Objects))
			}
			for _, text := range test.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%s: %q does not say %q", test.reason, err, text)
				}
			}
		})
	}
	if got := len(load(t, shallow, "git:HEAD:policies.yaml").Objects); got != 1 {
		t.Errorf("the head of a shallow clone: %d objects, want 1", got)
	}
}

func TestGitIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := policy.Load(t.Context(), "git:main:policies", policy.Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "git is not installed") {
		t.Errorf("got %v", err)
	}
}

func TestRootAndResolve(t *testing.T) {
	dir := history(t)
	root, err := policy.Root(t.Context(), filepath.Join(dir, "elsewhere"))
	if err == nil {
		t.Fatalf("a folder that does not exist has the root %s", root)
	}
	write(t, dir, "elsewhere/x.yaml", named("x"))
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = policy.Root(t.Context(), filepath.Join(dir, "elsewhere")); err != nil || root != filepath.ToSlash(real) {
		t.Errorf("root %q, %v; want %q", root, err, real)
	}
	commit, err := policy.Resolve(t.Context(), "v1", dir)
	if want := git(t, dir, "rev-parse", "v1^{commit}"); err != nil || commit != want {
		t.Errorf("resolve v1: %q, %v; want %q", commit, err, want)
	}
}
