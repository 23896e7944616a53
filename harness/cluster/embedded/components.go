package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
)

// How much the programs' memory is held down. A Go program's resident size is
// about its live data times 1 + GOGC/100: an API server with Kyverno's definitions
// holds 140 MiB of live data, Kyverno 40. Measured in docs/performance.md.
var (
	apiserverEnv = []string{"GOGC=60", "SEATRIAL_START_GOGC=800"}
	kyvernoEnv   = []string{"GOGC=75", "GOMEMLIMIT=250MiB"}
)

func (c *member) apiserver(p *process) error {
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
	"garbage-collector-controller", "job-controller", "namespace-controller", "replicaset-controller",
	"root-ca-certificate-publisher-controller", "serviceaccount-controller", "statefulset-controller",
}

func (c *member) controllerManager(p *process) error {
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
	return path, writeFile(path, data)
}

// kyverno runs one of Kyverno's controllers outside the cluster, as its service
// account, with webhooks that call the process by address.
func (c *member) kyverno(p *process, x cluster.Component) error {
	short := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(string(x), "kyverno"), "-"), "-controller")
	if short == "" {
		short = "admission"
	}
	account := "kyverno-" + short + "-controller"
	path, err := c.writeKubeconfig(string(x), adminName, "system:serviceaccount:kyverno:"+account)
	if err != nil {
		return err
	}
	tuf := filepath.Join(c.dir, "tuf-"+short)
	if err := os.MkdirAll(tuf, 0o700); err != nil {
		return err
	}
	port, metrics := strconv.Itoa(c.port(x)), strconv.Itoa(c.state.Ports[string(x)+"/metrics"])
	service := "kyverno-svc"
	if x == cluster.KyvernoCleanup {
		service = account
	}
	p.Env = append([]string{
		"KYVERNO_NAMESPACE=kyverno", "INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics",
		"KYVERNO_SERVICEACCOUNT_NAME=" + account, "KYVERNO_DEPLOYMENT=" + account,
		"KYVERNO_ROLE_NAME=kyverno:" + short + "-controller",
		"KYVERNO_POD_NAME=" + account + "-0", "KYVERNO_SVC=" + service, "TUF_ROOT=" + tuf,
		"BACKGROUND_SCAN_INTERVAL=1h",
	}, kyvernoEnv...)
	p.Args = append([]string{c.bins[program[x]],
		"--kubeconfig=" + path,
		"--metricsPort=" + metrics, "--metricsHost=" + loopback,
	}, kyvernoFlags(x, port, service)...)
	return nil
}

func kyvernoFlags(x cluster.Component, port, service string) []string {
	exceptions := []string{"--enablePolicyException=true", "--exceptionNamespace=*"}
	tls := []string{
		"--serverIP=" + loopback + ":" + port,
		"--caSecretName=" + service + ".kyverno.svc.kyverno-tls-ca",
		"--tlsSecretName=" + service + ".kyverno.svc.kyverno-tls-pair",
		"--tlsKeyAlgorithm=ECDSA",
	}
	switch x {
	case cluster.Kyverno:
		return append(append(tls, exceptions...),
			"--webhookServerPort="+port, "--webhookServerHost="+loopback,
			"--backgroundServiceAccountName=system:serviceaccount:kyverno:kyverno-background-controller",
			"--reportsServiceAccountName=system:serviceaccount:kyverno:kyverno-reports-controller",
			"--controllerRuntimeMetricsAddress=0")
	case cluster.KyvernoCleanup:
		return append(tls, "--cleanupServerPort="+port, "--cleanupServerHost="+loopback)
	case cluster.KyvernoBackground:
		return append(exceptions, "--controllerRuntimeMetricsAddress=0")
	default:
		return exceptions
	}
}
