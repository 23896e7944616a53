package binaries

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
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
	files   string   // folder of modules/, when the module is ours
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
	kubeVersion   = strip +
		" -X k8s.io/component-base/version.gitVersion=" + KubernetesVersion +
		" -X k8s.io/component-base/version.gitMajor=1" +
		" -X k8s.io/component-base/version.gitMinor=36" +
		" -X k8s.io/component-base/version.gitTreeState=clean"
)

// recipes are all that there are.
var recipes = func() map[Name]recipe {
	all := maps.Clone(fleetRecipes)
	maps.Copy(all, nodeRecipes)
	return all
}()

var fleetRecipes = map[Name]recipe{
	Etcd:              ours("etcd", EtcdVersion, "./etcd", strip),
	APIServer:         ours("kubernetes", KubernetesVersion, "./kube-apiserver", kubeVersion),
	ControllerManager: ours("kubernetes", KubernetesVersion, "k8s.io/kubernetes/cmd/kube-controller-manager", kubeVersion),
	Scheduler:         ours("kubernetes", KubernetesVersion, "k8s.io/kubernetes/cmd/kube-scheduler", kubeVersion),
	Kyverno:           kyverno("./cmd/kyverno"),
	Background:        kyverno("./cmd/background-controller"),
	Reports:           kyverno("./cmd/reports-controller"),
	Cleanup:           kyverno("./cmd/cleanup-controller"),
	Kwok:              {module: "kwok", version: KwokVersion, path: kwokModule, sum: kwokSum, pkg: "./cmd/kwok", ldflags: strip},
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

func ours(module, version, pkg, ldflags string) recipe {
	return recipe{module: module, version: version, files: "modules/controlplane", pkg: pkg, ldflags: ldflags}
}

func kyverno(pkg string) recipe {
	return recipe{module: "kyverno", version: KyvernoVersion, path: kyvernoModule, sum: kyvernoSum, pkg: pkg, ldflags: strip}
}

// moduleFiles are the files of our module and their names where it is built: a
// folder with a go.mod could not be embedded.
var moduleFiles = []struct{ from, to string }{
	{"go.mod.txt", "go.mod"},
	{"go.sum.txt", "go.sum"},
	{"etcd.go.txt", "etcd/main.go"},
	{"kube-apiserver.go.txt", "kube-apiserver/main.go"},
	{"pause.go.txt", "pause/main.go"},
}

// Fingerprint tells a program of one recipe from one of another.
func Fingerprint(n Name) string {
	r := recipes[n]
	return r.module + " " + r.version + " " + r.digest()
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
	if r.files != "" {
		for _, f := range moduleFiles {
			data, err := modules.ReadFile(r.files + "/" + f.from)
			if err != nil {
				panic(err) // embedded: a test builds every recipe's digest
			}
			fmt.Fprintln(h, len(data))
			h.Write(data)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
