// Package kyverno puts Kyverno on a cluster of any provider: [Install] creates what it needs,
// [Host] runs its controllers as processes of this machine, and [Canary] is the proof that
// admission works. It calls the programs; the engine's code is none of its business.
package kyverno

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// environment holds memory down: Kyverno has 40 MiB of live data. Measured in docs/performance.md.
var environment = []string{"GOGC=75", "GOMEMLIMIT=250MiB"}

// A Host is one of Kyverno's controllers as a process of this machine, which the API server
// calls by address.
type Host struct {
	Component   cluster.Component
	Program     string // path
	Kubeconfig  string // path, of a user who may act as User(Component)
	Dir         string // where it keeps its files
	Address     string // IP that it listens on and that webhooks call
	Port        int
	MetricsPort int // on the loopback address
}

// short is what Kyverno calls a controller: admission, background, reports, cleanup.
func short(c cluster.Component) string {
	s := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(string(c), "kyverno"), "-"), "-controller")
	if s == "" {
		return "admission"
	}
	return s
}

// Account is the name of a controller's service account in the namespace kyverno, and of its Deployment.
func Account(c cluster.Component) string { return "kyverno-" + short(c) + "-controller" }

// User is who a controller is for the API server.
func User(c cluster.Component) string { return "system:serviceaccount:kyverno:" + Account(c) }

// Describe says in p how the process runs.
func (h Host) Describe(p *process.Process) error {
	account := Account(h.Component)
	tuf := filepath.Join(h.Dir, "tuf-"+short(h.Component))
	if err := os.MkdirAll(tuf, 0o700); err != nil {
		return err
	}
	service := "kyverno-svc"
	if h.Component == cluster.KyvernoCleanup {
		service = account
	}
	p.Env = append([]string{
		"KYVERNO_NAMESPACE=kyverno", "INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics",
		"KYVERNO_SERVICEACCOUNT_NAME=" + account, "KYVERNO_DEPLOYMENT=" + account,
		"KYVERNO_ROLE_NAME=kyverno:" + short(h.Component) + "-controller",
		"KYVERNO_POD_NAME=" + account + "-0", "KYVERNO_SVC=" + service, "TUF_ROOT=" + tuf,
		"BACKGROUND_SCAN_INTERVAL=1h",
	}, environment...)
	p.Args = append([]string{h.Program,
		"--kubeconfig=" + h.Kubeconfig,
		"--metricsPort=" + strconv.Itoa(h.MetricsPort), "--metricsHost=127.0.0.1",
	}, h.flags(service)...)
	return nil
}

// exceptions lets policies have exceptions, in every namespace.
var exceptions = []string{"--enablePolicyException=true", "--exceptionNamespace=*"}

func (h Host) flags(service string) []string {
	port := strconv.Itoa(h.Port)
	tls := []string{
		"--serverIP=" + net.JoinHostPort(h.Address, port),
		"--caSecretName=" + service + ".kyverno.svc.kyverno-tls-ca",
		"--tlsSecretName=" + service + ".kyverno.svc.kyverno-tls-pair",
		"--tlsKeyAlgorithm=ECDSA",
	}
	switch h.Component {
	case cluster.Kyverno:
		return append(append(tls, exceptions...),
			"--webhookServerPort="+port, "--webhookServerHost="+h.Address,
			"--backgroundServiceAccountName="+User(cluster.KyvernoBackground),
			"--reportsServiceAccountName="+User(cluster.KyvernoReports),
			"--controllerRuntimeMetricsAddress=0")
	case cluster.KyvernoCleanup:
		return append(tls, "--cleanupServerPort="+port, "--cleanupServerHost="+h.Address)
	case cluster.KyvernoBackground:
		return append(slices.Clone(exceptions), "--controllerRuntimeMetricsAddress=0")
	default:
		return exceptions
	}
}
