package binaries

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What the fake go command builds, and the file of the module that is kept as it is.
const (
	tiny     Name = "tiny"
	tinyFile Name = "tiny.yaml"
)

const tinySum = "h1:tiny"

// A fakeGo stands in for the go command: nothing is fetched and nothing is compiled.
type fakeGo struct {
	t   *testing.T
	dir string
}

// withTiny puts a fake go command in front of PATH and adds the recipes of its module.
func withTiny(t *testing.T, mode string) fakeGo {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake go command is a shell script")
	}
	g := fakeGo{t, t.TempDir()}
	script, err := os.ReadFile("testdata/go.sh")
	if err != nil {
		t.Fatal(err)
	}
	g.write("bin/go", string(script), 0o755)
	g.write("module/one.yaml", "a: 1", 0o644)
	g.write("module/two.yaml", "b: 2\n", 0o644)
	g.mode(mode)
	g.sum(tinySum)
	t.Setenv("FAKE_GO", g.dir)
	t.Setenv("PATH", filepath.Join(g.dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))

	base := recipe{module: "tiny", version: "v1.0.0", path: "example.com/tiny", sum: tinySum}
	program, file := base, base
	program.pkg, file.copy = ".", []string{"one.yaml", "two.yaml"}
	recipes[tiny], recipes[tinyFile] = program, file
	t.Cleanup(func() { delete(recipes, tiny); delete(recipes, tinyFile) })
	return g
}

func (g fakeGo) write(name, content string, mode os.FileMode) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		g.t.Fatal(err)
	}
}

func (g fakeGo) mode(mode string) { g.write("mode", mode, 0o644) }

// sum is what the module proxy says of the module.
func (g fakeGo) sum(sum string) {
	data, err := json.Marshal(map[string]string{"Dir": filepath.Join(g.dir, "module"), "Sum": sum})
	if err != nil {
		g.t.Fatal(err)
	}
	g.write("module.json", string(data), 0o644)
}

// builds counts how often go build was called.
func (g fakeGo) builds() (n int) {
	g.t.Helper()
	data, err := os.ReadFile(filepath.Join(g.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "build ") {
			n++
		}
	}
	return n
}

// files lists what is below dir, but for the lock.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".lock" {
			out = append(out, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
