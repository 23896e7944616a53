package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Agents are KubeFleet's: programs of this machine, or manifests of pods.
type Agents struct {
	HubAgent       string   // path of the program
	MemberAgent    string   // path of the program
	CRDs           string   // folder: config/crd/bases of KubeFleet's repository
	HubManifest    string   // file: the rendered chart hub-agent
	MemberManifest string   // file: the rendered chart member-agent
	Images         []string // archives of docker save with the images of the manifests
}

// InPods says whether the agents run in pods.
func (a Agents) InPods() bool { return a.HubManifest != "" || a.MemberManifest != "" }

// ErrNoAgents says that the driver kubefleet cannot run for want of the agents.
var ErrNoAgents = errors.New("KubeFleet's agents are not given")

// Check says what is missing, all of it.
func (a Agents) Check() error {
	if a.InPods() {
		return a.checkPods()
	}
	if a.HubAgent == "" && a.MemberAgent == "" && a.CRDs == "" {
		return fmt.Errorf("%w (hint: hub.agents with hubAgent, memberAgent and crds, or with hubManifest and memberManifest, see docs/kubefleet-agents.md; or driver builtin)", ErrNoAgents)
	}
	var errs []error
	for _, p := range []struct{ name, path string }{{"hubAgent", a.HubAgent}, {"memberAgent", a.MemberAgent}} {
		info, err := os.Stat(p.path)
		switch {
		case p.path == "":
			errs = append(errs, fmt.Errorf("%w: %s", ErrNoAgents, p.name))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		case info.IsDir() || info.Mode()&0o111 == 0:
			errs = append(errs, fmt.Errorf("%s: %s is no program", p.name, p.path))
		}
	}
	if _, err := a.definitions("placement.kubernetes-fleet.io_appliedworks.yaml"); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// The groups of the definitions that the agents need. Those of placement.kubefleet.dev are
// left out: they make the name "works" ambiguous.
const (
	hubPatterns    = "cluster.kubernetes-fleet.io_*.yaml placement.kubernetes-fleet.io_*.yaml"
	memberPatterns = "placement.kubernetes-fleet.io_appliedworks.yaml"
)

// definitions are the files of the patterns, separated by blanks; at least one of each.
func (a Agents) definitions(patterns string) ([]string, error) {
	var out []string
	for _, p := range strings.Fields(patterns) {
		found, err := filepath.Glob(filepath.Join(a.CRDs, p))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("crds: %q has no %s (hint: config/crd/bases of KubeFleet)", a.CRDs, p)
		}
		out = append(out, found...)
	}
	return out, nil
}

// waits are the hub agent's flags of what it waits for before it looks at a change.
var waits = []string{"--resource-snapshot-creation-minimum-interval=", "--resource-changes-collection-duration="}

// hubAgentArgs are how the hub agent runs: without webhooks, whose address only a cluster
// network knows, and without waiting before a changed hub is looked at. docs/kubefleet-agents.md
// shows the line.
func hubAgentArgs(program, kubeconfig, probe string) []string {
	return []string{program,
		"--kubeconfig=" + kubeconfig,
		"--enable-webhook=false", "--leader-elect=false", "--enable-cluster-inventory-apis=false",
		waits[0] + "0s", waits[1] + "0s",
		"--metrics-bind-address=0", "--health-probe-bind-address=" + probe,
		"--skipped-propagating-namespaces=kyverno", "--v=2",
	}
}

// memberAgentArgs are how a member's agent runs; memberAgentEnv tells it its hub.
func memberAgentArgs(program, kubeconfig, probe string) []string {
	return []string{program,
		"--kubeconfig=" + kubeconfig, "--leader-elect=false",
		"--hub-metrics-bind-address=0", "--hub-health-probe-bind-address=0",
		"--metrics-bind-address=0", "--health-probe-bind-address=" + probe,
		"--work-applier-requeue-rate-limiter-max-slow-backoff-delay-seconds=5",
		"--work-applier-requeue-rate-limiter-max-fast-backoff-delay-seconds=5", "--v=2",
	}
}

func memberAgentEnv(server, member, token, ca string) []string {
	return []string{"HUB_SERVER_URL=" + server, "MEMBER_CLUSTER_NAME=" + member, "CONFIG_PATH=" + token, "CA_BUNDLE=" + ca}
}

// freeAddress is a port of this machine that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// awaitReady waits for an agent's own word that it is ready, and gives up when it ends.
func awaitReady(ctx context.Context, p cluster.Program, what, probe string) error {
	err := retry(ctx, agentPatience, 100*time.Millisecond, func(ctx context.Context) error {
		if !p.Alive() {
			return nil // told below
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probe+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", req.URL, resp.Status)
		}
		return nil
	})
	if err == nil && p.Alive() {
		return nil
	}
	if err == nil {
		err = errors.New("it ended")
	}
	return explain(p, fmt.Errorf("%s is not ready: %w", what, err))
}

// explain adds the end of what a program wrote to an error.
func explain(p cluster.Program, err error) error {
	tail, _ := p.Tail(1500)
	if text := strings.TrimSpace(string(tail)); text != "" {
		return fmt.Errorf("%w\nthe end of its log:\n%s", err, text)
	}
	return err
}

const (
	agentPatience = time.Minute     // to be ready, to join
	goodbye       = 3 * time.Second // after SIGTERM; the hub agent is known not to end by itself
)
