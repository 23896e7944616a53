package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/scenarios"
)

// hubName is the hub's cluster, in the fleet of its members.
const hubName = "seatrial-hub"

// A KubeFleet drives KubeFleet's own agents: a hub of its own beside the members, the
// agents as processes or in pods, hub objects written as a user would. What arrives on
// members is the agents' work; the driver only looks.
type KubeFleet struct {
	agents   Agents
	launcher launcher
	provider cluster.Provider
	compress float64 // divides what the hub's objects wait for; 0: no waiting
	log      func(format string, args ...any)

	cluster cluster.Cluster
	hub     *objects.Client
	state   State
	members map[string]*Member
}

var _ Driver = (*KubeFleet)(nil)

// A launcher starts and ends agents: [processes], or [pods].
type launcher interface {
	// hubSpec is the hub's cluster, beside these members.
	hubSpec(members []*Member) (cluster.Spec, error)
	// startHub starts the hub's agent and returns when it is ready.
	startHub(ctx context.Context, hub cluster.Cluster, o *objects.Client) error
	// startMember starts a member's agent, also again, with a token of the hub.
	startMember(ctx context.Context, m *Member, hub cluster.Cluster, token []byte) error
	// hubReady returns when the hub's agent is ready again after its API server was gone.
	hubReady(ctx context.Context) error
	// end ends an agent, without a member the hub's, and holds that it is gone.
	end(ctx context.Context, member string) error
	// explained adds the end of what the hub's agent wrote to an error.
	explained(ctx context.Context, err error) error
	// close ends every agent and removes what was made for them.
	close(ctx context.Context) error
}

// NewKubeFleet is a driver whose hub the provider makes. Agents that are programs run beside
// it, where the provider can do that; agents that are manifests take kind clusters. Compress
// divides the waits that the hub's objects ask for; with 0 they take a second.
func NewKubeFleet(a Agents, p cluster.Provider, compress float64, log func(format string, args ...any)) (*KubeFleet, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	k := &KubeFleet{agents: a, provider: p, compress: compress, log: log, members: map[string]*Member{}}
	var err error
	if a.InPods() {
		k.launcher, err = newPods(a, log)
	} else {
		k.launcher, err = newProcesses(a, p, log)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Name returns "kubefleet".
func (k *KubeFleet) Name() string { return scenarios.KubeFleet }

// Start makes the hub, joins the members and gives it its first state.
func (k *KubeFleet) Start(ctx context.Context, members []*Member, state State) (err error) {
	spec, err := k.launcher.hubSpec(members)
	if err != nil {
		return err
	}
	if k.cluster, err = k.provider.Create(ctx, spec); err != nil {
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
	return k.launcher.startHub(ctx, k.cluster, k.hub)
}

// Stop ends a member's agent or, for the hub, its API server, as a crash does.
func (k *KubeFleet) Stop(ctx context.Context, what, member string) error {
	if what == scenarios.StopHub {
		return k.cluster.Stop(ctx, cluster.APIServer)
	}
	return k.launcher.end(ctx, member)
}

// Resume starts it again.
func (k *KubeFleet) Resume(ctx context.Context, what, member string) error {
	if what == scenarios.StopHub {
		if err := k.cluster.Start(ctx, cluster.APIServer); err != nil {
			return err
		}
		return k.launcher.hubReady(ctx)
	}
	return k.startAgent(ctx, k.members[member])
}

// Close ends the agents, members' first, removes the hub and what was written for them.
func (k *KubeFleet) Close(ctx context.Context) error {
	err := k.launcher.close(ctx)
	if k.cluster != nil {
		err = errors.Join(err, k.provider.Delete(ctx, hubName))
	}
	return err
}
