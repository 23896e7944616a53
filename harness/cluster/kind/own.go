package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/distribution/reference"

	"github.com/seatrial/seatrial/harness/binaries/player"
)

// Host lets the pods of a namespace run what they are: players on the nodes leave them alone, and
// do not answer for their images. Where nothing is played it has nothing to do.
func (c *member) Host(ctx context.Context, namespace string, images []string) error {
	nodes, err := c.provider.kind.ListInternalNodes(c.kindName())
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := c.hostOn(ctx, n.String(), namespace, images); err != nil {
			return fmt.Errorf("node %s is to run the pods of %s: %w", n, namespace, err)
		}
	}
	return nil
}

func (c *member) hostOn(ctx context.Context, node, namespace string, images []string) error {
	file := player.Dir + "/config.json"
	text, err := c.inNode(ctx, node, "if [ -e "+file+" ]; then cat "+file+"; fi")
	if err != nil || text == "" {
		return err
	}
	var config player.Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	config.Own = append(config.Own, namespace)
	for _, i := range images {
		if named, err := reference.ParseDockerRef(i); err == nil && !slices.Contains(config.Real, named.String()) {
			config.Real = append(config.Real, named.String())
		}
	}
	content, err := json.Marshal(config)
	if err != nil {
		return err
	}
	// The player reads it for every container: it is replaced at once.
	_, err = c.inNode(ctx, node, fmt.Sprintf("set -e; printf %%s '%s' >%[2]s.new; mv %[2]s.new %[2]s; systemctl restart seatrial-registry", content, file))
	return err
}
