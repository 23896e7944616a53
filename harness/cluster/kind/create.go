package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
)

// bringUp makes the nodes, connects them, and waits until Kyverno answers.
func (c *member) bringUp(ctx context.Context) error {
	select {
	case c.provider.starting <- struct{}{}:
		defer func() { <-c.provider.starting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	info, err := engine(ctx)
	if err != nil {
		return err
	}
	img := image(ctx, c.state.Spec)
	built := img != "" && labelOf(ctx, img, nodeimage.Label) != ""
	if err := c.create(ctx, config(c.state.Spec, img, built, info)); err != nil {
		return err
	}
	if err := c.readKubeconfig(); err != nil {
		return err
	}
	if err := c.await(ctx, cluster.APIServer, nil); err != nil {
		return err
	}
	if built {
		if err := c.connect(ctx); err != nil {
			return fmt.Errorf("network of the nodes: %w", err)
		}
	}
	if err := c.versions(); err != nil {
		return err
	}
	for _, a := range c.state.Spec.Kind.Archives {
		if err := c.LoadArchive(ctx, a); err != nil {
			return err
		}
	}
	if err := c.awaitNodes(ctx); err != nil {
		return err
	}
	for _, x := range always {
		if err := c.await(ctx, x, nil); err != nil {
			return err
		}
	}
	return c.bringUpKyverno(ctx)
}

// create lets kind make the containers and run kubeadm in them. kind knows no context: when ctx
// ends, the containers are removed under its hands until it gives up.
func (c *member) create(ctx context.Context, cfg *v1alpha4.Cluster) error {
	done := make(chan error, 1)
	go func() {
		done <- c.provider.kind.Create(c.kindName(), kindcluster.CreateWithV1Alpha4Config(cfg),
			kindcluster.CreateWithKubeconfigPath(filepath.Join(c.dir, "kind.kubeconfig")), // never the user's own
			kindcluster.CreateWithRetain(true))                                            // Delete removes them, also what kind forgets
	}()
	select {
	case err := <-done:
		return explain(err)
	case <-ctx.Done():
	}
	for {
		last := context.WithoutCancel(ctx)
		_ = remove(last, c.kindName()) // again below, and in Delete, which says what it could not remove
		select {
		case <-done:
			return context.Cause(ctx)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// explain adds what a command said that kind ran, without the pages of kubeadm's own log.
func explain(err error) error {
	var failed *kindexec.RunError
	if !errors.As(err, &failed) {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(failed.Output)), "\n")
	return fmt.Errorf("%w\nthe end of what it said:\n%s", err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// LoadArchive puts the images of an archive, a file that docker save wrote, onto every node.
func (c *member) LoadArchive(ctx context.Context, path string) error {
	nodes, err := c.provider.kind.ListInternalNodes(c.kindName())
	if err != nil {
		return err
	}
	for _, n := range nodes {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = nodeutils.LoadImageArchive(n, f)
		if err := errors.Join(explain(err), f.Close(), ctx.Err()); err != nil {
			return fmt.Errorf("images of %s on %s: %w", path, n, err)
		}
	}
	return nil
}
