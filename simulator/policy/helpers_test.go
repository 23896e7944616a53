package policy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seatrial/seatrial/simulator/policy"
)

// summary writes a set the way testdata does, a line for each document.
func summary(set *policy.Set) string {
	var out strings.Builder
	objects := func(word string, list []policy.Object) {
		for _, o := range list {
			fmt.Fprintf(&out, "%-7s %s:%d %s %s %s\n", word, o.File, o.Line, o.APIVersion, o.Kind, qualified(o.Namespace, o.Name))
		}
	}
	problems := func(word string, list []policy.Problem) {
		for _, p := range list {
			fmt.Fprintf(&out, "%-7s %s:%d %s\n", word, p.File, p.Line, strings.TrimPrefix(p.Policy+": "+p.Reason, ": "))
		}
	}
	objects("object", set.Objects)
	objects("other", set.Others)
	problems("ignored", set.Ignored)
	problems("problem", set.Problems)
	return out.String()
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func named(name string) string {
	return "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: " + name + "}\n"
}

func load(t *testing.T, dir, spec string) *policy.Set {
	t.Helper()
	set, err := policy.Load(t.Context(), spec, policy.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func archives(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no archives (%v)", dir, err)
	}
	return names
}

// unpack writes an archive's files into a new folder, all but the expected output.
func unpack(t *testing.T, name string) (*txtar.Archive, string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		if f.Name != "want" {
			write(t, dir, f.Name, string(f.Data))
		}
	}
	return archive, dir
}

// want compares with the archive's section of that name, or rewrites it under -update.
func want(t *testing.T, name string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name != "want" {
			continue
		}
		if *update {
			f.Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s(-want +got):\n%s", archive.Comment, diff)
		}
		return
	}
	t.Fatalf("%s has no want section", name)
}

// write makes a file below dir and returns dir.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// commitAll makes dir a git repository, if it is none, and commits all there is.
func commitAll(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		git(t, dir, "init", "--quiet", "--initial-branch=main")
	}
	git(t, dir, "add", "--all", "--force")
	git(t, dir, "commit", "--quiet", "--allow-empty", "--message=state")
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.Command("git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_ALLOW_PROTOCOL=file",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-11-02T02:00:00Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-11-02T02:00:00Z")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
