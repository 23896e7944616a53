package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/seatrial/seatrial/"

// layers is the import direction: a package below a folder may import what is listed. The
// longest matching folder counts. docs/architecture.md draws the same picture.
var layers = map[string][]string{
	"docs":              {},
	"cmd":               {"simulator", "reports", "harness", "scenarios", "fixtures", "cmd"},
	"reports":           {"reports", "simulator", "harness/timeline", "docs/schema"},
	"simulator":         {"simulator"},
	"simulator/answers": {"simulator", "docs/schema"},
	"simulator/blast":   {"simulator", "docs/schema"},
	"simulator/outfile": {},
	"simulator/strict":  {},
	"harness":           {"harness", "scenarios", "simulator"},
	"harness/timeline":  {},
	"scenarios":         {"docs/schema", "simulator/strict"},
	"fixtures":          {},
}

// owners names the one folder that may import a heavy dependency, and why.
var owners = map[string]string{
	"github.com/kyverno/":           "simulator/replay/kyverno",
	"github.com/spf13/cobra":        "cmd",
	"sigs.k8s.io/kind":              "harness/cluster/kind",
	"go.etcd.io/etcd":               "harness/cluster/embedded",
	"github.com/klauspost/compress": "simulator/capture",
	"helm.sh/helm/":                 "simulator/source",
	"sigs.k8s.io/kustomize/":        "simulator/internal/kustomize",
	"github.com/wI2L/jsondiff":      "simulator/replay/kyverno",
	"k8s.io/kubernetes":             "simulator/admission",

	"k8s.io/apiextensions-apiserver/pkg/apiserver":        "simulator/admission",
	"github.com/google/go-containerregistry/pkg/registry": "simulator/registry/registrytest",
}

type file struct {
	folder  string // relative to the module, slashes
	name    string
	imports []string
	doc     bool
	pkg     string
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, f := range files(t) {
		allowed, ok := allowedFor(f.folder)
		if !ok {
			t.Errorf("%s/%s is in no layer: add its folder to layers", f.folder, f.name)
			continue
		}
		for _, imported := range f.imports {
			rest, ours := strings.CutPrefix(imported, module)
			if ours && !slices.ContainsFunc(allowed, func(a string) bool { return rest == a || strings.HasPrefix(rest, a+"/") }) {
				t.Errorf("%s/%s imports %s; its layer allows %v", f.folder, f.name, rest, allowed)
			}
		}
	}
}

func TestHeavyDependenciesHaveOneOwner(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		for _, imported := range f.imports {
			for prefix, owner := range owners {
				if !strings.HasPrefix(imported, prefix) {
					continue
				}
				seen[prefix] = true
				if f.folder != owner && !strings.HasPrefix(f.folder, owner+"/") {
					t.Errorf("%s/%s imports %s, which %s owns", f.folder, f.name, imported, owner)
				}
			}
		}
	}
	for prefix := range owners {
		if !seen[prefix] {
			t.Errorf("nobody imports %s any more: a guard on nothing; drop it from owners", prefix)
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	docs := map[string][]string{}
	for _, f := range files(t) {
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		docs[f.folder] = append(docs[f.folder], "")
		if f.doc {
			docs[f.folder] = append(docs[f.folder], f.name)
		}
	}
	for folder, names := range docs {
		names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
		if len(names) != 1 {
			t.Errorf("%s has %d package comments %v, want one", folder, len(names), names)
		}
	}
}

func allowedFor(folder string) ([]string, bool) {
	for at := folder; at != "." && at != "/"; at = path.Dir(at) {
		if allowed, ok := layers[at]; ok {
			return allowed, true
		}
	}
	return nil, false
}

// files parses the imports of every Go file of the module, in process, so that the test
// cache sees what was read.
func files(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var found []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if base := entry.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "out" || base == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parse(root, name)
		found = append(found, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func parse(root, name string) (file, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	relative, err := filepath.Rel(root, filepath.Dir(name))
	if err != nil {
		return file{}, err
	}
	f := file{folder: filepath.ToSlash(relative), name: filepath.Base(name), doc: parsed.Doc != nil, pkg: parsed.Name.Name}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}
