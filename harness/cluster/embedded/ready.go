package embedded

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// startDeadline bounds the wait for one component. On two cores with twenty
// clusters starting the slowest took a third of it.
const startDeadline = 3 * time.Minute

// await waits until a component answers, and gives up when its process ends.
func (c *member) await(ctx context.Context, x cluster.Component) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startDeadline, fmt.Errorf("%s does not answer after %s", x, startDeadline))
	defer cancel()
	p, err := process.Load(c.dir, string(x))
	if err != nil {
		return err
	}
	for wait := 20 * time.Millisecond; ; wait = min(wait*3/2, 250*time.Millisecond) {
		last := c.answers(ctx, x)
		if last == nil {
			return nil
		}
		if !p.Alive() {
			return p.Explain(fmt.Errorf("%s ended", x))
		}
		if err := sleep(ctx, wait); err != nil {
			return p.Explain(fmt.Errorf("%w: %w", err, last))
		}
	}
}

// answers asks a component for a sign of life that cannot be given too early.
func (c *member) answers(ctx context.Context, x cluster.Component) error {
	switch x {
	case cluster.APIServer:
		client, err := discovery.NewDiscoveryClientForConfig(c.REST())
		if err != nil {
			return err
		}
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	case cluster.Kyverno:
		return kyverno.Canary(ctx, c.REST())
	case cluster.KyvernoCleanup:
		return process.Answers(ctx, "https://"+address(c.port(x))+"/health/readiness")
	case cluster.Kwok:
		if err := process.Answers(ctx, "http://"+address(c.port(x))+"/healthz"); err != nil {
			return err
		}
		return nodesReady(ctx, c.REST())
	case cluster.ControllerManager, cluster.Scheduler:
		return process.Answers(ctx, "https://"+address(c.port(x))+"/healthz")
	default:
		return process.Answers(ctx, "http://"+address(c.state.Ports[string(x)+"/metrics"])+"/metrics")
	}
}
