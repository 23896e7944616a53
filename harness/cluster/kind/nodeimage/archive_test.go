package nodeimage

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns what a tar holds: names in order, and the content of its files.
func read(t *testing.T, r io.Reader) (names []string, content map[string]string) {
	t.Helper()
	content = map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return names, content
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		content[h.Name] = string(data)
		if h.Typeflag == tar.TypeSymlink {
			content[h.Name] = "-> " + h.Linkname
		}
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"server": "a program", "tree/one": "1", "tree/deep/two": "2"})
	if err := os.Symlink("one", filepath.Join(dir, "tree", "link")); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	images := []image{
		{names: []string{"example.com/server:v1", "example.com/alias:v2"}, run: "/bin/server", user: "7", files: []file{{at("server"), "/bin/server"}, {at("tree"), "/etc/tree"}}},
		{names: []string{"example.com:5000/same:v1"}, run: "/bin/server", files: []file{{at("server"), "/bin/server"}, {at("tree"), "/etc/tree"}}},
	}
	path := filepath.Join(dir, "out.tar")
	if err := writeArchive(path, images); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names, content := read(t, f)
	if diff := cmp.Diff([]string{"repositories", "manifest.json"}, names[:2]); diff != "" {
		t.Errorf("kind reads the names of all images from what comes first: %s", diff)
	}
	var repositories map[string]map[string]string
	if err := json.Unmarshal([]byte(content["repositories"]), &repositories); err != nil {
		t.Fatal(err)
	}
	if got := sorted(repositories); !slices.Equal(got, []string{"example.com/alias", "example.com/server", "example.com:5000/same"}) || repositories["example.com/alias"]["v2"] == "" {
		t.Errorf("got %v", repositories)
	}
	var manifest []manifestEntry
	if err := json.Unmarshal([]byte(content["manifest.json"]), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 2 || !strings.Contains(content[manifest[0].Config], `"User":"7"`) || manifest[0].Layers[0] != manifest[1].Layers[0] {
		t.Errorf("got %+v, want two images that share their layer", manifest)
	}
	_, files := read(t, strings.NewReader(content[manifest[0].Layers[0]]))
	want := map[string]string{"bin/server": "a program", "etc/tree/one": "1", "etc/tree/deep/two": "2", "etc/tree/link": "-> one", "tmp/": "", "bin/": "", "etc/": "", "etc/tree/": "", "etc/tree/deep/": ""}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "layer-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	again := filepath.Join(dir, "again.tar")
	if err := writeArchive(again, images); err != nil {
		t.Fatal(err)
	}
	one, _ := os.ReadFile(path)
	two, _ := os.ReadFile(again)
	if string(one) != string(two) {
		t.Error("the same images make two archives")
	}
	if err := writeArchive(again, []image{{names: []string{"example.com/none:v1"}, files: []file{{at("none"), "/none"}}}}); err == nil || !strings.Contains(err.Error(), "example.com/none:v1") {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := writeArchive(again, []image{{names: []string{"untagged"}}}); err == nil {
		t.Error("a name without a tag was taken")
	}
}

func TestInside(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"usr/lib/libc.so.6": "c"})
	for link, to := range map[string]string{"lib": "usr/lib", "lib64": "/usr/lib", "up": "../../../usr/lib", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(root, "usr/lib/libc.so.6")
	for _, path := range []string{"/usr/lib/libc.so.6", "/lib/libc.so.6", "/lib64/libc.so.6", "/up/libc.so.6"} {
		if got, err := inside(root, path); err != nil || got != want {
			t.Errorf("%s is %s, %v", path, got, err)
		}
	}
	for _, path := range []string{"/lib/none", "/loop/libc.so.6"} {
		if got, err := inside(root, path); err == nil {
			t.Errorf("%s is %s", path, got)
		}
	}
}

func TestLibrariesOfThisProgram(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"note.txt": "no program"})
	files, err := withLibraries("/", file{filepath.Join(dir, "note.txt"), "/note.txt"})
	if err != nil || len(files) != 1 {
		t.Errorf("a text needs none: %v %v", files, err)
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip("no shell here")
	}
	files, err = withLibraries("/", file{shell, "/bin/sh"})
	if err != nil {
		t.Skipf("this system keeps its libraries elsewhere: %v", err)
	}
	if !slices.ContainsFunc(files, func(f file) bool { return strings.Contains(f.to, "libc.so") }) {
		t.Errorf("the shell runs without a C library: %v", files)
	}
	if _, err := withLibraries(t.TempDir(), file{shell, "/bin/sh"}); err == nil || !strings.Contains(err.Error(), "needs") {
		t.Errorf("a root without the library: %v", err)
	}
}

func TestMirror(t *testing.T) {
	for reason, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"one line":                 {map[string]string{"sources.list": "deb http://mirror.example.com/debian bookworm main\n"}, "http://mirror.example.com/debian"},
		"deb822":                   {map[string]string{"sources.list.d/debian.sources": "Types: deb\nURIs: https://mirror.example.com/debian/\nSuites: bookworm\n"}, "https://mirror.example.com/debian/"},
		"commented out":            {map[string]string{"sources.list": "# deb http://mirror.example.com/debian bookworm main\n"}, ""},
		"not of Debian's packages": {map[string]string{"sources.list": "deb http://mirror.example.com/ubuntu noble main\n"}, ""},
		"none":                     {nil, ""},
	} {
		dir := t.TempDir()
		write(t, dir, test.files)
		if got := mirror(dir); got != test.want {
			t.Errorf("%s: got %q", reason, got)
		}
	}
}
