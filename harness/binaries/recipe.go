package binaries

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries/player"
)

// A recipe says how a program is built. Versions and sums are pinned: those of
// Kyverno and kwok by the sum of the module, which holds the go.mod and go.sum that
// its maintainers build with; those of Kubernetes and etcd by a go.mod and a go.sum
// of ours, since Kubernetes' own go.mod points into its repository.
type recipe struct {
	module  string // short name, for paths and messages
	version string
	path    string   // module path, when the module is built in its own folder
	sum     string   // its h1 sum
	files   string   // folder of modules/ with its pins, when the module is ours
	own     bool     // or the player: our own source, of the standard library alone, for the Linux of nodes
	pkg     string   // what to build
	copy    []string // or YAML files of the module to keep as one file
	tags    string   // build tags, separated by commas
	ldflags string
}

//go:embed modules
var modules embed.FS

const (
	kyvernoModule = "github.com/kyverno/kyverno"
	kyvernoSum    = "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU="
	kwokModule    = "sigs.k8s.io/kwok"
	kwokSum       = "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ="
	strip         = "-s -w"
)

// recipes are all that there are, with the Kubernetes of KubernetesVersion.
var recipes = func() map[Name]recipe {
	all := maps.Clone(kubernetes[KubernetesVersion])
	maps.Copy(all, fleetRecipes)
	maps.Copy(all, nodeRecipes)
	return all
}()

// fleetRecipes are what fleets run, but for Kubernetes' own programs.
var fleetRecipes = map[Name]recipe{
	Etcd:       {module: "etcd", version: EtcdVersion, files: sources, pkg: "./etcd", ldflags: strip},
	Kyverno:    kyverno("./cmd/kyverno"),
	Background: kyverno("./cmd/background-controller"),
	Reports:    kyverno("./cmd/reports-controller"),
	Cleanup:    kyverno("./cmd/cleanup-controller"),
	Kwok:       {module: "kwok", version: KwokVersion, path: kwokModule, sum: kwokSum, pkg: "./cmd/kwok", ldflags: strip},
	KyvernoInstall: {module: "kyverno", version: KyvernoVersion, path: kyvernoModule, sum: kyvernoSum,
		copy: []string{"config/install-latest-testing.yaml"}},
	KwokStages: {module: "kwok", version: KwokVersion, path: kwokModule, sum: kwokSum, copy: []string{
		"kustomize/stage/node/fast/node-initialize.yaml",
		"kustomize/stage/pod/fast/pod-ready.yaml",
		"kustomize/stage/pod/fast/pod-complete.yaml",
		"kustomize/stage/pod/fast/pod-delete.yaml",
	}},
}

// isFile says that a recipe is of a file to keep, not of a program to build.
func (r recipe) isFile() bool { return len(r.copy) > 0 }

// isOurs says that a recipe's module is written into the cache to be built.
func (r recipe) isOurs() bool { return r.files != "" || r.own }

func kyverno(pkg string) recipe {
	return recipe{module: "kyverno", version: KyvernoVersion, path: kyvernoModule, sum: kyvernoSum, pkg: pkg, ldflags: strip}
}

// sources is the folder of modules/ with the programs of our module; its go.mod and
// go.sum are those of the default Kubernetes. Other versions have these two alone.
const sources = "modules/controlplane"

// moduleFiles are the files of our module and their names where it is built: a
// folder with a go.mod could not be embedded.
var moduleFiles = []struct{ from, to string }{
	{"go.mod.txt", "go.mod"},
	{"go.sum.txt", "go.sum"},
	{"etcd.go.txt", "etcd/main.go"},
	{"kube-apiserver.go.txt", "kube-apiserver/main.go"},
	{"pause.go.txt", "pause/main.go"},
}

// A file of a module that is written to be built.
type file struct {
	name string
	data []byte
}

// written are the files of a module of ours, in the order in which they count for the digest.
func (r recipe) written() ([]file, error) {
	if r.own {
		return playerFiles()
	}
	var out []file
	for _, f := range moduleFiles {
		data, err := r.moduleFile(f.from)
		if err != nil {
			return nil, err
		}
		out = append(out, file{f.to, data})
	}
	return out, nil
}

// playerFiles are package player with a go.mod and a main of its own.
func playerFiles() ([]file, error) {
	out := []file{
		{"go.mod", []byte("module seatrial.dev/player\n\ngo 1.26\n")},
		{"main.go", []byte("package main\n\nimport (\n\t\"os\"\n\n\t\"seatrial.dev/player/player\"\n)\n\nfunc main() { os.Exit(player.Main(os.Args)) }\n")},
	}
	names, err := fs.Glob(player.Source, "*.go")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		data, err := player.Source.ReadFile(n)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(n, "_test.go") {
			out = append(out, file{"player/" + n, data})
		}
	}
	return out, nil
}

// moduleFile reads a file of our module with the pins of this recipe.
func (r recipe) moduleFile(name string) ([]byte, error) {
	data, err := modules.ReadFile(r.files + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return modules.ReadFile(sources + "/" + name)
	}
	return data, err
}

// digest tells recipes of one version apart: what is pinned, and for which machine.
func (r recipe) digest() string {
	h := sha256.New()
	fmt.Fprintln(h, r.path, r.version, r.sum, runtime.GOOS, runtime.GOARCH)
	for _, f := range r.copy {
		fmt.Fprintln(h, f)
	}
	if r.tags != "" {
		fmt.Fprintln(h, r.tags)
	}
	if r.isOurs() {
		files, err := r.written()
		if err != nil {
			panic(err) // embedded: a test builds every recipe's digest
		}
		for _, f := range files {
			fmt.Fprintln(h, len(f.data))
			h.Write(f.data)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
