package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/scenarios"
)

// hubName is the hub's cluster, in the fleet of its members.
const hubName = "seatrial-hub"

// besideAgents is the provider whose clusters are processes of this machine, as agents are.
const besideAgents = "embedded"

// A KubeFleet drives KubeFleet's own agents: a hub of its own beside the members, the
// agents as processes, hub objects written as a user would. What arrives on members is
// the agents' work; the driver only looks.
type KubeFleet struct {
	agents   Agents
	provider cluster.Provider
	runner   cluster.Runner
	compress float64 // divides what the hub's objects wait for; 0: no waiting
	log      func(format string, args ...any)

	dir     string // kubeconfigs, tokens and the hub's certificate, for this user alone
	cluster cluster.Cluster
	hub     *objects.Client
	state   State
	members map[string]*Member

	mu       sync.Mutex
	programs map[string]cluster.Program // by member; "" is the hub's agent
}

var _ Driver = (*KubeFleet)(nil)

// NewKubeFleet is a driver whose hub the provider makes. Only providers whose clusters are
// processes of this machine can run agents beside them. Compress divides the waits that the
// hub's objects ask for; with 0 they take a second.
func NewKubeFleet(a Agents, p cluster.Provider, compress float64, log func(format string, args ...any)) (*KubeFleet, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	runner, ok := p.(cluster.Runner)
	if !ok {
		return nil, fmt.Errorf("KubeFleet's agents as processes: %w (hint: --provider embedded)", cluster.ErrUnsupported)
	}
	for _, path := range []*string{&a.HubAgent, &a.MemberAgent, &a.CRDs} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	return &KubeFleet{agents: a, provider: p, runner: runner, compress: compress, log: log, members: map[string]*Member{}, programs: map[string]cluster.Program{}}, nil
}

// Name returns "kubefleet".
func (k *KubeFleet) Name() string { return scenarios.KubeFleet }

// Start makes the hub, joins the members and gives it its first state.
func (k *KubeFleet) Start(ctx context.Context, members []*Member, state State) (err error) {
	if k.dir, err = os.MkdirTemp("", "seatrial-hub-"); err != nil {
		return err
	}
	k.cluster, err = k.provider.Create(ctx, cluster.Spec{Name: hubName, Provider: besideAgents, Components: []cluster.Component{cluster.ControllerManager}})
	if err != nil {
		return fmt.Errorf("the hub: %w", err)
	}
	if k.hub, err = objects.New(k.cluster.REST()); err != nil {
		return err
	}
	if err := k.prepare(ctx); err != nil {
		return fmt.Errorf("the hub: %w", err)
	}
	for _, m := range members {
		k.members[m.Name] = m
		if m.Late {
			continue
		}
		if err := k.join(ctx, m); err != nil {
			return fmt.Errorf("join %s: %w", m.Name, err)
		}
	}
	if err := k.Change(ctx, state); err != nil {
		return err
	}
	for _, o := range k.state { // what was there before has been approved
		if o.Kind == "ClusterStagedUpdateRun" || o.Kind == "StagedUpdateRun" {
			if err := k.Finish(ctx, strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare installs KubeFleet's definitions and starts its hub agent.
func (k *KubeFleet) prepare(ctx context.Context) error {
	if err := k.install(ctx, k.hub, hubPatterns); err != nil {
		return err
	}
	if err := k.hub.Create(ctx, named("v1", "Namespace", "", systemNamespace)); err != nil {
		return err
	}
	path, err := k.kubeconfig("", k.cluster)
	if err != nil {
		return err
	}
	return k.run(ctx, "", "hubagent", func(probe string) ([]string, []string) {
		return hubAgentArgs(k.agents.HubAgent, path, probe), nil
	})
}

// run starts an agent, for a member or, without a name, the hub, and waits until it is ready.
func (k *KubeFleet) run(ctx context.Context, member, name string, how func(probe string) (args, env []string)) error {
	probe, err := freeAddress()
	if err != nil {
		return err
	}
	args, env := how(probe)
	p, err := k.runner.Run(name, args, env)
	if err != nil {
		return err
	}
	k.log("%s runs as process %d", name, p.PID())
	k.mu.Lock()
	k.programs[member] = p
	k.mu.Unlock()
	return awaitReady(ctx, p, name, probe)
}

// kubeconfig writes the kubeconfig of a cluster and returns its path.
func (k *KubeFleet) kubeconfig(member string, c cluster.Cluster) (string, error) {
	content, err := c.Kubeconfig()
	if err != nil {
		return "", err
	}
	return k.file(member+".kubeconfig", content)
}

func (k *KubeFleet) file(name string, content []byte) (string, error) {
	path := filepath.Join(k.dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

// Stop ends a member's agent or, for the hub, its API server, as a crash does.
func (k *KubeFleet) Stop(ctx context.Context, what, member string) error {
	if what == scenarios.StopHub {
		return k.cluster.Stop(ctx, cluster.APIServer)
	}
	return k.end(ctx, member)
}

// Resume starts it again.
func (k *KubeFleet) Resume(ctx context.Context, what, member string) error {
	if what == scenarios.StopHub {
		return k.cluster.Start(ctx, cluster.APIServer)
	}
	return k.startAgent(ctx, k.members[member])
}

// end stops an agent and holds that its process is gone: without leader election nothing
// else keeps two from working at once.
func (k *KubeFleet) end(ctx context.Context, member string) error {
	k.mu.Lock()
	p := k.programs[member]
	delete(k.programs, member)
	k.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.Stop(ctx, goodbye); err != nil {
		return err
	}
	if p.Alive() {
		return fmt.Errorf("process %d does not end", p.PID())
	}
	return nil
}

// Close ends the agents, members' first, removes the hub and what was written for them.
func (k *KubeFleet) Close(ctx context.Context) error {
	var errs []error
	for name := range k.members {
		errs = append(errs, k.end(ctx, name))
	}
	errs = append(errs, k.end(ctx, ""))
	if k.cluster != nil {
		errs = append(errs, k.provider.Delete(ctx, hubName))
	}
	if k.dir != "" {
		errs = append(errs, os.RemoveAll(k.dir))
	}
	return errors.Join(errs...)
}
