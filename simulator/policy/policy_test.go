package policy_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/policy"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata")

// TestLoad reads each archive of testdata/load as a folder, and again as a commit of a git
// repository: both must say the same.
func TestLoad(t *testing.T) {
	for _, name := range archives(t, "testdata/load") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, dir := unpack(t, name)
			set, err := policy.Load(t.Context(), ".", policy.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			want(t, name, archive, summary(set))

			commitAll(t, dir)
			committed, err := policy.Load(t.Context(), "git:HEAD:", policy.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(summary(set), summary(committed)); diff != "" {
				t.Errorf("the commit reads otherwise than the folder (-folder +commit):\n%s", diff)
			}
			if set.Digest != committed.Digest {
				t.Errorf("digest of the folder %s, of the commit %s", set.Digest, committed.Digest)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	for _, name := range archives(t, "testdata/diff") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, dir := unpack(t, name)
			before, after := load(t, dir, "before"), load(t, dir, "after")
			var out strings.Builder
			for _, c := range policy.Diff(before, after) {
				fmt.Fprintf(&out, "%-9s %s %s: %s → %s\n", c.Change, c.Kind, qualified(c.Namespace, c.Name), place(c.Before), place(c.After))
			}
			want(t, name, archive, out.String())
			for _, c := range policy.Diff(before, before) {
				if c.Change != policy.Unchanged {
					t.Errorf("a set against itself: %s is %s", c.Name, c.Change)
				}
			}
		})
	}
}

func place(o *policy.Object) string {
	if o == nil {
		return "-"
	}
	return fmt.Sprintf("%s:%d %s", o.File, o.Line, o.APIVersion)
}

// TestBytes loads what an archive cannot hold.
func TestBytes(t *testing.T) {
	const one = "# why\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: one\n  annotations:\n    text: |\n      a\n      b\n"
	many := strings.Repeat("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: filler}\ndata: {text: \""+strings.Repeat("x", 1000)+"\"}\n---\n", 5000)
	for _, test := range []struct {
		reason  string
		content string
		objects int
		problem string // part of
		line    int
	}{
		{"a byte order mark is no part of the first key", "\xef\xbb\xbf" + one, 1, "", 0},
		{"Windows line breaks read as the same policy", strings.ReplaceAll(one, "\n", "\r\n"), 1, "", 0},
		{"Windows line breaks before a separator", strings.ReplaceAll("---\n"+one+"---\n", "\n", "\r\n"), 1, "", 0},
		{"a large file is read to its end", many + one, 1, "", 0},
		{"text in another encoding is named", "apiVersion: v1\nkind: Gr\xfc\xdfe\n", 0, "not valid UTF-8", 2},
		{"a binary file is named", "\x7fELF\x02\x01\x01\x00\x00\x00", 0, "binary", 1},
		{"NUL bytes are named with their line", "apiVersion: v1\nkind: \x00\n", 0, "NUL byte", 2},
		{"deep nesting ends with a reason", strings.Repeat("[", 20000), 0, "", 1},
	} {
		t.Run(test.reason, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "policy.yaml", test.content)
			set, err := policy.Load(t.Context(), dir, policy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(set.Objects) != test.objects || len(set.Problems) != 1-test.objects {
				t.Fatalf("%s: %d objects, %d problems: %v", test.reason, len(set.Objects), len(set.Problems), set.Problems)
			}
			if test.objects == 1 {
				plain := load(t, write(t, t.TempDir(), "plain.yaml", one), "plain.yaml").Objects[0]
				if got := set.Objects[0]; got.Digest != plain.Digest || strings.ReplaceAll(got.YAML, "\r", "") != strings.TrimPrefix(plain.YAML, "\xef\xbb\xbf") {
					t.Errorf("%s: got\n%s\n%q, want\n%s\n%q", test.reason, got.JSON, got.YAML, plain.JSON, plain.YAML)
				}
				return
			}
			if p := set.Problems[0]; !strings.Contains(p.Reason, test.problem) || p.Line != test.line || p.File != "policy.yaml" {
				t.Errorf("%s: got %+v, want line %d and %q", test.reason, p, test.line, test.problem)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "empty/README.md", "nothing")
	write(t, dir, "workloads/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")
	for _, test := range []struct {
		reason string
		spec   string
		is     error
		says   string
	}{
		{"a folder without manifests is more often a typing error", "empty", policy.ErrEmpty, "0 files read"},
		{"workloads are no policies", "workloads", policy.ErrEmpty, "1 files read"},
		{"a path that does not exist", "nowhere", os.ErrNotExist, "nowhere"},
		{"standard input that nobody gives", "-", nil, "standard input is not read here"},
		{"git without a path", "git:main", nil, "git:REVISION:PATH"},
		{"git without a revision", "git::policies", nil, "git:REVISION:PATH"},
		{"a folder that is no repository", "git:main:policies", nil, "not a git repository"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
			set, err := policy.Load(t.Context(), test.spec, policy.Options{Dir: dir})
			if err == nil {
				t.Fatalf("%s: no error, %d objects", test.reason, len(set.Objects))
			}
			if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", test.reason, err)
			}
		})
	}
}

func TestNone(t *testing.T) {
	set, err := policy.Load(t.Context(), "none", policy.Options{})
	if err != nil || len(set.Objects) != 0 || set.Digest == "" {
		t.Errorf("none: %+v, %v", set, err)
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "outside.yaml", named("outside"))
	write(t, dir, "set/plain.yaml", named("plain"))
	write(t, dir, "set/..2026/mounted.yaml", named("mounted"))
	for link, target := range map[string]string{
		"set/again.yaml":        "plain.yaml",
		"set/..data":            "..2026",
		"set/mounted.yaml":      "..data/mounted.yaml",
		"set/escape.yaml":       "../outside.yaml",
		"set/absolute.yaml":     filepath.Join(dir, "outside.yaml"),
		"set/nowhere.yaml":      "missing.yaml",
		"set/loop.yaml":         "loop.yaml",
		"set/folder":            "..",
		"set/README.md":         "../outside.yaml",
		"set/sub-of-itself":     ".",
		"set/.cache-of-a-tool":  "..",
		"set/not-a-policy.toml": "../outside.yaml",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	expected := `object  mounted.yaml:1 kyverno.io/v1 ClusterPolicy mounted
object  plain.yaml:1 kyverno.io/v1 ClusterPolicy plain
ignored absolute.yaml:0 a symbolic link that leads out of the folder, or nowhere
ignored escape.yaml:0 a symbolic link that leads out of the folder, or nowhere
ignored folder:0 a symbolic link that leads out of the folder, or nowhere
ignored loop.yaml:0 a symbolic link that leads out of the folder, or nowhere
ignored nowhere.yaml:0 a symbolic link that leads out of the folder, or nowhere
`
	if diff := cmp.Diff(expected, summary(load(t, dir, "set"))); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	commitAll(t, dir)
	if diff := cmp.Diff(expected, summary(load(t, dir, "git:HEAD:set"))); diff != "" {
		t.Errorf("commit (-want +got):\n%s", diff)
	}
}

func TestFromObjects(t *testing.T) {
	objects := []policy.Object{
		{APIVersion: "kyverno.io/v1", Kind: "Policy", Namespace: "b", Name: "a", JSON: []byte(`{}`)},
		{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "z", JSON: []byte(`{}`)},
		{APIVersion: "kyverno.io/v1", Kind: "Policy", Namespace: "a", Name: "z", JSON: []byte(`{}`)},
	}
	set := policy.FromObjects("captured", objects)
	reversed := policy.FromObjects("captured", []policy.Object{objects[2], objects[1], objects[0]})
	if set.Objects[0].Name != "z" || set.Objects[1].Namespace != "a" || set.Objects[0].Digest == "" {
		t.Errorf("not sorted or without digest: %+v", set.Objects)
	}
	if set.Digest != reversed.Digest {
		t.Errorf("the digest depends on the order of the input")
	}
	if objects[0].Digest != "" {
		t.Errorf("the caller's objects were changed")
	}
}

func TestLoadIsCancelled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.yaml", named("p"))
	commitAll(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := policy.Load(ctx, "git:HEAD:", policy.Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
