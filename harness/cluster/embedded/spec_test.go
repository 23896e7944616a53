package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// every component, the API server aside.
var every = []cluster.Component{
	cluster.ControllerManager, cluster.Scheduler, cluster.Kwok,
	cluster.Kyverno, cluster.KyvernoBackground, cluster.KyvernoReports, cluster.KyvernoCleanup,
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		reason string
		spec   cluster.Spec
		want   string // part of the error; empty: none
	}{
		{"a name is enough", cluster.Spec{Name: "east"}, ""},
		{"every component", cluster.Spec{Name: "east", Components: every, Nodes: 250}, ""},
		{"the default version", cluster.Spec{Name: "east", KubernetesVersion: binaries.KubernetesVersion}, ""},
		{"another one that is pinned", cluster.Spec{Name: "east", KubernetesVersion: "v1.35.4"}, ""},
		{"no name", cluster.Spec{}, "cluster name"},
		{"a name that is no label", cluster.Spec{Name: "East_1"}, `"East_1"`},
		{"a name that leaves the folder", cluster.Spec{Name: "../east"}, `"../east"`},
		{"one that is not", cluster.Spec{Name: "east", KubernetesVersion: "v1.30.0"}, "hint: embedded clusters are v1.35.4 or " + binaries.KubernetesVersion},
		{"a minor version is none", cluster.Spec{Name: "east", KubernetesVersion: "v1.35"}, "Kubernetes v1.35: "},
		{"a component that is not known", cluster.Spec{Name: "east", Components: []cluster.Component{"kube-proxy"}}, `"kube-proxy"`},
		{"nodes without kwok", cluster.Spec{Name: "east", Nodes: 2}, "hint: add kwok"},
		{"too many nodes", cluster.Spec{Name: "east", Components: every, Nodes: 251}, "251 nodes"},
		{"fewer than none", cluster.Spec{Name: "east", Components: every, Nodes: -1}, "-1 nodes"},
	} {
		err := check(test.spec)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.reason, err, test.want)
		}
	}
}

func TestPreflightSaysEverythingAtOnce(t *testing.T) {
	p := &Provider{}
	good := cluster.Spec{Name: "east", KubernetesVersion: "v1.35.4"}
	if err := p.Preflight(t.Context(), []cluster.Spec{good}); err != nil {
		t.Error(err)
	}
	err := p.Preflight(t.Context(), []cluster.Spec{good, {Name: "west", KubernetesVersion: "v1.30.0"}, {Name: "north", Nodes: 2}})
	if !errors.Is(err, cluster.ErrUnsupported) || !strings.Contains(err.Error(), "cluster west: ") || !strings.Contains(err.Error(), "cluster north: ") {
		t.Errorf("got %v", err)
	}
}

func TestNodesAreOfTheirClustersVersion(t *testing.T) {
	if got := node(2, "v1.35.4"); got.Name != "node-3" || got.Status.NodeInfo.KubeletVersion != "v1.35.4" {
		t.Errorf("got %s with a kubelet %s", got.Name, got.Status.NodeInfo.KubeletVersion)
	}
}

func TestPrograms(t *testing.T) {
	base := []binaries.Name{binaries.Etcd, binaries.APIServer, binaries.ControllerManager, binaries.Kyverno, binaries.KyvernoInstall}
	for _, test := range []struct {
		reason string
		has    []cluster.Component
		more   []binaries.Name
	}{
		{"what the template needs is always there", []cluster.Component{}, nil},
		{"each program once", []cluster.Component{cluster.Kyverno, cluster.ControllerManager}, nil},
		{"kwok needs its stages", []cluster.Component{cluster.Kwok, cluster.Scheduler}, []binaries.Name{binaries.Kwok, binaries.Scheduler, binaries.KwokStages}},
	} {
		if diff := cmp.Diff(append(slices.Clone(base), test.more...), Programs(cluster.Spec{Components: test.has})); diff != "" {
			t.Errorf("%s: %s", test.reason, diff)
		}
	}
	for _, n := range Programs(cluster.Spec{Components: every}) {
		if !slices.Contains(binaries.All(), n) {
			t.Errorf("%s cannot be provided", n)
		}
	}
}

func TestNodeCount(t *testing.T) {
	kwok := []cluster.Component{cluster.Kwok}
	for reason, test := range map[string]struct {
		spec cluster.Spec
		want int
	}{
		"none without kwok":    {cluster.Spec{}, 0},
		"a few with kwok":      {cluster.Spec{Components: kwok}, cluster.DefaultNodes},
		"as many as asked for": {cluster.Spec{Components: kwok, Nodes: 7}, 7},
	} {
		if got := test.spec.NodeCount(); got != test.want {
			t.Errorf("%s: got %d", reason, got)
		}
	}
}

// testMember is a cluster with every component, none of which runs.
func testMember(t *testing.T) *member {
	t.Helper()
	p := &Provider{dir: t.TempDir()}
	spec := cluster.Spec{Name: "east", Components: every}
	ports, err := p.freePorts(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := saveMember(t, p, "east", ports)
	c.state.Spec = spec
	if c.pki, err = loadPKI(p.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.dir, "etcd"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ensureSocketDir(p.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if dir, err := readSocketDir(p.dir); err == nil {
			os.RemoveAll(dir)
		}
	})
	c.bins = map[binaries.Name]string{}
	for _, n := range binaries.All() {
		c.bins[n] = "/cache/" + string(n)
	}
	return c
}

func TestEveryComponentIsFoundAgainAndHasItsOwnPorts(t *testing.T) {
	c := testMember(t)
	for _, x := range append([]cluster.Component{cluster.APIServer}, every...) {
		p, err := c.process(x)
		if err != nil {
			t.Fatal(err)
		}
		if !process.Ours(strings.Join(p.Args, "\x00"), c.dir, programs) {
			t.Errorf("%s: a crash before its record is written would leave it running: %q", x, p.Args)
		}
		own := map[string]bool{}
		for _, use := range []string{string(x), string(x) + "/metrics"} {
			own[address(c.state.Ports[use])[len(loopback)+1:]] = true
		}
		for _, arg := range p.Args {
			flag, value, _ := strings.Cut(arg, "=")
			port := strings.TrimPrefix(value, loopback+":")
			if strings.HasSuffix(strings.ToLower(flag), "port") && !own[port] {
				t.Errorf("%s: %s is not its own port", x, arg)
			}
		}
	}
	if _, err := c.process("kube-proxy"); !errors.Is(err, cluster.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestWhoComponentsAre(t *testing.T) {
	c := testMember(t)
	for _, test := range []struct {
		component cluster.Component
		file      string
		user      string
		groups    []string
	}{
		{cluster.Kyverno, "kyverno", "system:serviceaccount:kyverno:kyverno-admission-controller", nil},
		{cluster.KyvernoBackground, "kyverno-background-controller", "system:serviceaccount:kyverno:kyverno-background-controller", nil},
		{cluster.KyvernoReports, "kyverno-reports-controller", "system:serviceaccount:kyverno:kyverno-reports-controller", nil},
		{cluster.KyvernoCleanup, "kyverno-cleanup-controller", "system:serviceaccount:kyverno:kyverno-cleanup-controller", nil},
		{cluster.Scheduler, "scheduler", "system:kube-scheduler", nil},
		{cluster.Kwok, "kwok", "system:node:kwok", []string{"system:nodes"}},
		{cluster.ControllerManager, "controller-manager", "", nil}, // has a certificate of its own
	} {
		if _, err := c.process(test.component); err != nil {
			t.Fatal(err)
		}
		cfg, err := clientcmd.BuildConfigFromFlags("", filepath.Join(c.dir, test.file+".kubeconfig"))
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Impersonate.UserName != test.user {
			t.Errorf("%s acts as %q", test.component, cfg.Impersonate.UserName)
		}
		if diff := cmp.Diff(test.groups, cfg.Impersonate.Groups); diff != "" {
			t.Errorf("%s: %s", test.component, diff)
		}
		if cert := c.pki.cert(adminName); (cfg.CertFile == cert) != (test.user != "") {
			t.Errorf("%s has the certificate %s", test.component, cfg.CertFile)
		}
	}
}

func TestOpenAndList(t *testing.T) {
	p := &Provider{dir: t.TempDir()}
	if names, err := p.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("a fleet that is not there: %v, %v", names, err)
	}
	if _, err := p.Open(t.Context(), "east"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	ports := map[string]int{"kube-apiserver": 21000}
	for _, name := range []string{"west", "east", ".tmp"} {
		saveMember(t, p, name, ports)
	}
	names, err := p.List(t.Context())
	if diff := cmp.Diff([]string{"east", "west"}, names); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	c, err := p.Open(t.Context(), "west")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != "west" || c.REST().Host != "https://127.0.0.1:21000" {
		t.Errorf("got %s at %s", c.Name(), c.REST().Host)
	}
	if err := c.Start(t.Context(), cluster.Kyverno); !errors.Is(err, cluster.ErrUnsupported) {
		t.Errorf("a component that never ran, of a cluster that was opened: %v", err)
	}
	if s := c.Status(context.Background()); s.Ready || s.Parts[0].Error != "never started" {
		t.Errorf("got %+v", s)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "clusters", "east", "cluster.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(t.Context(), "east"); err == nil || !strings.Contains(err.Error(), "cluster.json") {
		t.Errorf("got %v", err)
	}
	if err := p.Delete(t.Context(), "east"); err != nil {
		t.Errorf("a damaged cluster can be removed: %v", err)
	}
	if names, _ := p.List(t.Context()); !slices.Equal(names, []string{"west"}) {
		t.Errorf("got %v", names)
	}
}

func TestSocketDir(t *testing.T) {
	for reason, test := range map[string]struct {
		deep string
		own  bool // in the fleet's folder
	}{
		"a fleet's own folder":                {"", true},
		"a deep folder's socket is elsewhere": {strings.Repeat("deep/", 20), false},
	} {
		t.Run(reason, func(t *testing.T) {
			root, err := os.MkdirTemp("", "s") // t.TempDir's is long
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(root) })
			fleet := filepath.Join(root, test.deep)
			if err := os.MkdirAll(filepath.Join(fleet, "etcd"), 0o700); err != nil {
				t.Fatal(err)
			}
			dir, err := ensureSocketDir(fleet)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			if own := strings.HasPrefix(dir, fleet); own != test.own || len(dir) > longestSocketDir {
				t.Errorf("got %s", dir)
			}
			again, err := ensureSocketDir(fleet)
			if err != nil || again != dir {
				t.Errorf("got %s, then %s, %v", dir, again, err)
			}
			if got, err := readSocketDir(fleet); err != nil || got != dir {
				t.Errorf("kept %s, %v", got, err)
			}
		})
	}
}
