package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/seatrial/seatrial/harness/cluster"
)

// startDeadline bounds the wait for one component. On two cores with twenty
// clusters starting the slowest took a third of it.
const startDeadline = 3 * time.Minute

// await waits until a component answers, and gives up when its process ends.
func (c *member) await(ctx context.Context, x cluster.Component) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startDeadline, fmt.Errorf("%s does not answer after %s", x, startDeadline))
	defer cancel()
	p, err := loadProcess(c.dir, string(x))
	if err != nil {
		return err
	}
	for wait := 20 * time.Millisecond; ; wait = min(wait*3/2, 250*time.Millisecond) {
		last := c.answers(ctx, x)
		if last == nil {
			return nil
		}
		if !p.alive() {
			return p.explain(fmt.Errorf("%s ended", x))
		}
		if err := sleep(ctx, wait); err != nil {
			return p.explain(fmt.Errorf("%w: %w", err, last))
		}
	}
}

// explain adds the end of a process's log to an error.
func (p *process) explain(err error) error {
	tail, _ := p.tail(2000)
	if text := strings.TrimSpace(string(tail)); text != "" {
		return fmt.Errorf("%w\nthe end of %s:\n%s", err, p.Log, text)
	}
	return err
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
		return canary(ctx, c)
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

// canary proves that admission works from end to end: a policy with a variable
// that cannot be, sent as a dry run, must be refused by Kyverno's own webhook.
// Kyverno answers it only with its certificates, its webhook configurations and
// its caches in place.
func canary(ctx context.Context, c *member) error {
	client, err := dynamic.NewForConfig(c.REST())
	if err != nil {
		return err
	}
	policies := schema.GroupVersionResource{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}
	_, err = client.Resource(policies).Create(ctx, canaryPolicy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil:
		return errors.New("Kyverno's webhooks are not registered: a policy that it must refuse was accepted")
	case strings.Contains(err.Error(), `admission webhook "validate-policy.kyverno.svc" denied the request`):
		return nil
	default:
		return fmt.Errorf("canary: %w", err)
	}
}

func canaryPolicy() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
		"metadata": map[string]any{"name": "seatrial-canary"},
		"spec": map[string]any{"rules": []any{map[string]any{
			"name":  "canary",
			"match": map[string]any{"any": []any{map[string]any{"resources": map[string]any{"kinds": []any{"Pod"}}}}},
			"validate": map[string]any{
				"message": "never in force",
				"pattern": map[string]any{"metadata": map[string]any{"name": "{{ no(such }}"}},
			},
		}}},
	}}
}
