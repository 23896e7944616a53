package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
)

// besideAgents is the provider whose clusters are processes of this machine, as agents are.
const besideAgents = "embedded"

// processes are agents that are programs of this machine.
type processes struct {
	agents Agents
	runner cluster.Runner
	log    func(format string, args ...any)
	dir    string // kubeconfigs, tokens and the hub's certificate, for this user alone

	mu       sync.Mutex
	programs map[string]cluster.Program // by member; "" is the hub's agent
}

var _ launcher = (*processes)(nil)

func newProcesses(a Agents, p cluster.Provider, log func(format string, args ...any)) (*processes, error) {
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
	return &processes{agents: a, runner: runner, log: log, programs: map[string]cluster.Program{}}, nil
}

func (p *processes) hubSpec([]*Member) (spec cluster.Spec, err error) {
	p.dir, err = os.MkdirTemp("", "seatrial-hub-")
	return cluster.Spec{Name: hubName, Provider: besideAgents, Components: []cluster.Component{cluster.ControllerManager}}, err
}

func (p *processes) startHub(ctx context.Context, hub cluster.Cluster, _ *objects.Client) error {
	path, err := p.kubeconfig("", hub)
	if err != nil {
		return err
	}
	return p.run(ctx, "", "hubagent", func(probe string) ([]string, []string) {
		return hubAgentArgs(p.agents.HubAgent, path, probe), nil
	})
}

func (p *processes) startMember(ctx context.Context, m *Member, hub cluster.Cluster, token []byte) error {
	path, err := p.file(m.Name+".token", token) // without a newline
	if err != nil {
		return err
	}
	cfg := hub.REST()
	ca, err := p.file("hub-ca.crt", cfg.CAData)
	if err != nil {
		return err
	}
	kubeconfig, err := p.kubeconfig(m.Name, m.Cluster)
	if err != nil {
		return err
	}
	return p.run(ctx, m.Name, "memberagent-"+m.Name, func(probe string) ([]string, []string) {
		return memberAgentArgs(p.agents.MemberAgent, kubeconfig, probe), memberAgentEnv(cfg.Host, m.Name, path, ca)
	})
}

// hubReady has nothing to wait for: the hub's agent elects no leader, and outlives its API server.
func (p *processes) hubReady(context.Context) error { return nil }

// run starts an agent, for a member or, without a name, the hub, and waits until it is ready.
func (p *processes) run(ctx context.Context, member, name string, how func(probe string) (args, env []string)) error {
	probe, err := freeAddress()
	if err != nil {
		return err
	}
	args, env := how(probe)
	program, err := p.runner.Run(name, args, env)
	if err != nil {
		return err
	}
	p.log("%s runs as process %d", name, program.PID())
	p.mu.Lock()
	p.programs[member] = program
	p.mu.Unlock()
	return awaitReady(ctx, program, name, probe)
}

// kubeconfig writes the kubeconfig of a cluster and returns its path.
func (p *processes) kubeconfig(member string, c cluster.Cluster) (string, error) {
	content, err := c.Kubeconfig()
	if err != nil {
		return "", err
	}
	return p.file(member+".kubeconfig", content)
}

func (p *processes) file(name string, content []byte) (string, error) {
	path := filepath.Join(p.dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

// end stops an agent and holds that its process is gone: without leader election nothing
// else keeps two from working at once.
func (p *processes) end(ctx context.Context, member string) error {
	p.mu.Lock()
	program := p.programs[member]
	delete(p.programs, member)
	p.mu.Unlock()
	if program == nil {
		return nil
	}
	if err := program.Stop(ctx, goodbye); err != nil {
		return err
	}
	if program.Alive() {
		return fmt.Errorf("process %d does not end", program.PID())
	}
	return nil
}

// explained adds the end of the hub agent's log.
func (p *processes) explained(_ context.Context, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if program := p.programs[""]; program != nil {
		return explain(program, err)
	}
	return err
}

// close ends the agents, members' first, and removes what was written for them.
func (p *processes) close(ctx context.Context) error {
	p.mu.Lock()
	var names []string
	for name := range p.programs {
		if name != "" {
			names = append(names, name)
		}
	}
	p.mu.Unlock()
	var errs []error
	for _, name := range append(names, "") {
		errs = append(errs, p.end(ctx, name))
	}
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}
