package embedded

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
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
		return get(ctx, "https://"+address(c.port(x))+"/health/readiness")
	case cluster.Kwok:
		if err := get(ctx, "http://"+address(c.port(x))+"/healthz"); err != nil {
			return err
		}
		return nodesReady(ctx, c.REST())
	case cluster.ControllerManager, cluster.Scheduler:
		return get(ctx, "https://"+address(c.port(x))+"/healthz")
	default:
		return get(ctx, "http://"+address(c.state.Ports[string(x)+"/metrics"])+"/metrics")
	}
}

// get is a request to a component's own port, whose certificate it made itself:
// nothing is sent and nothing is believed but that it answers.
func get(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
