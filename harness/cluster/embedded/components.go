package embedded

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// How much the API server's memory is held down. A Go program's resident size is
// about its live data times 1 + GOGC/100: an API server with Kyverno's definitions
// holds 140 MiB of live data. Measured in docs/performance.md.
var apiserverEnv = []string{"GOGC=60", "SEATRIAL_START_GOGC=800"}

func (c *member) apiserver(p *process.Process) error {
	endpoint, err := etcdEndpoint(c.provider.dir)
	if err != nil {
		return err
	}
	p.Env = apiserverEnv
	p.Args = []string{c.bins[binaries.APIServer],
		"--etcd-servers=" + endpoint,
		"--etcd-prefix=" + prefix(c.Name()),
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		"--secure-port=" + strconv.Itoa(c.port(cluster.APIServer)),
		"--cert-dir=" + filepath.Join(c.dir, "apiserver"),
		"--tls-cert-file=" + c.pki.cert(serverName),
		"--tls-private-key-file=" + c.pki.key(serverName),
		"--client-ca-file=" + c.pki.cert(caName),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki.file(saPub),
		"--service-account-signing-key-file=" + c.pki.file(saKey),
		"--service-cluster-ip-range=10.0.0.0/16",
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--profiling=false",
		"--endpoint-reconciler-type=none", // nobody reaches this server by its service
		"--watch-cache=false",             // a timer for each kind and copies of every object, which few readers do not need
	}
	if c.Spec().Has(cluster.Kwok) {
		// No controller here takes the taint from a node that has become ready.
		p.Args = append(p.Args, "--disable-admission-plugins=TaintNodesByCondition")
	}
	return nil
}

// The controllers that make workloads behave: owners make what they own, as
// themselves, and what is deleted goes.
var controllers = []string{
	"clusterrole-aggregation-controller", "cronjob-controller", "daemonset-controller", "deployment-controller",
	"garbage-collector-controller", "horizontal-pod-autoscaler-controller", "job-controller", "namespace-controller", "replicaset-controller",
	"root-ca-certificate-publisher-controller", "serviceaccount-controller", "statefulset-controller",
}

func (c *member) controllerManager(p *process.Process) error {
	path, err := c.writeKubeconfig("controller-manager", kcmName, "")
	if err != nil {
		return err
	}
	p.Env = []string{"GOGC=75"}
	p.Args = []string{c.bins[binaries.ControllerManager],
		"--kubeconfig=" + path,
		"--controllers=" + strings.Join(controllers, ","),
		"--use-service-account-credentials=true", // each controller as its own service account, as in production
		"--service-account-private-key-file=" + c.pki.file(saKey),
		"--root-ca-file=" + c.pki.cert(caName),
		"--leader-elect=false",
		"--bind-address=" + loopback,
		"--secure-port=" + strconv.Itoa(c.port(cluster.ControllerManager)),
		"--cert-dir=" + filepath.Join(c.dir, "controller-manager"),
		"--authorization-always-allow-paths=/healthz",
		"--profiling=false",
	}
	return nil
}

// writeKubeconfig writes a component's kubeconfig and returns its path.
func (c *member) writeKubeconfig(component, cert, as string, groups ...string) (string, error) {
	data, err := c.kubeconfig(cert, as, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, component+".kubeconfig")
	return path, process.WriteFile(path, data)
}

// kyverno runs one of Kyverno's controllers outside the cluster, as its service
// account, with webhooks that call the process by address.
func (c *member) kyverno(p *process.Process, x cluster.Component) error {
	path, err := c.writeKubeconfig(string(x), adminName, kyverno.User(x))
	if err != nil {
		return err
	}
	return kyverno.Host{
		Component: x, Program: c.bins[program[x]], Kubeconfig: path, Dir: c.dir,
		Address: loopback, Port: c.port(x), MetricsPort: c.state.Ports[string(x)+"/metrics"],
	}.Describe(p)
}
