package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
)

var (
	_ cluster.ImagePlayer = (*member)(nil)
	_ cluster.ImageLoader = (*member)(nil)
)

// PlayImages gives the nodes' pause image every name that no image of a node has, where the
// nodes are of our own image: they have no registry to pull from. Names with a digest cannot be
// given; their pods wait for an image, as on any node that cannot pull.
func (c *member) PlayImages(ctx context.Context, images []string) error {
	if labelOf(ctx, c.nodeImage(ctx), nodeimage.Label) == "" {
		return nil
	}
	nodes, err := c.provider.kind.ListInternalNodes(c.kindName())
	if err != nil {
		return err
	}
	for _, n := range nodes {
		listed, err := c.inNode(ctx, n.String(), "ctr --namespace k8s.io images list --quiet")
		if err != nil {
			return err
		}
		have, pause := map[string]bool{}, ""
		for name := range strings.Lines(listed) {
			name = strings.TrimSpace(name)
			have[name] = true
			if strings.Contains(name, "/pause:") && pause == "" {
				pause = name
			}
		}
		if pause == "" {
			return fmt.Errorf("node %s has no pause image", n)
		}
		for _, i := range images {
			name, ok := pulledAs(i)
			if !ok || have[name] {
				continue
			}
			have[name] = true
			if err := errors.Join(explain(nodeutils.ReTagImage(n, pause, name)), ctx.Err()); err != nil {
				return fmt.Errorf("image %s: %w", i, err)
			}
		}
	}
	return nil
}

// nodeImage is the image of the control plane's node.
func (c *member) nodeImage(ctx context.Context) string {
	image, err := docker(ctx, "inspect", "--format", "{{.Config.Image}}", c.controlPlane())
	if err != nil {
		return ""
	}
	return image
}

// pulledAs is the full name by which a node looks for an image; false for one with a digest.
func pulledAs(image string) (string, bool) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return "", false
	}
	_, digested := named.(reference.Digested)
	return named.String(), !digested
}
