package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/scenarios"
)

// kindFlags are what kind clusters have, where the fleet file does not say so.
type kindFlags struct {
	image, kyverno string
	workers        int
	images         []string
}

func (k *kindFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.image, "node-image", "", "of kind clusters: image of the nodes (default: as fleet node-image built it, or kind's own)")
	cmd.Flags().IntVar(&k.workers, "workers", 0, "of kind clusters: nodes besides the control plane's")
	cmd.Flags().StringVar(&k.kyverno, "kyverno", "", "of kind clusters: where Kyverno runs, host (default) or cluster")
	cmd.Flags().StringArrayVar(&k.images, "images", nil, "of kind clusters: archive of docker save to load into every node (repeatable)")
}

// apply gives the flags' values to the kind clusters among these.
func (k *kindFlags) apply(clusters []scenarios.Cluster, provider string) error {
	if k.workers < 0 || k.workers > scenarios.MaxWorkers {
		return fmt.Errorf("--workers: %d, want 0 to %d", k.workers, scenarios.MaxWorkers)
	}
	if k.kyverno != "" && k.kyverno != "host" && k.kyverno != "cluster" {
		return fmt.Errorf("--kyverno: %q, want host or cluster", k.kyverno)
	}
	used := false
	for i := range clusters {
		c := &clusters[i]
		if cmp.Or(c.Provider, provider) != kind.Kind {
			continue
		}
		used = true
		var own scenarios.Kind
		if c.Kind != nil {
			own = *c.Kind
		}
		own.NodeImage, own.Kyverno, own.Workers = cmp.Or(k.image, own.NodeImage), cmp.Or(k.kyverno, own.Kyverno), cmp.Or(k.workers, own.Workers)
		own.Images = append(append([]string(nil), own.Images...), k.images...)
		c.Kind = &own
		if err := c.CheckFiles(); err != nil {
			return err
		}
	}
	if !used && (k.image != "" || k.kyverno != "" || k.workers > 0 || len(k.images) > 0) {
		return errors.New("--node-image, --workers, --kyverno and --images are of kind clusters, and there is none (hint: --provider kind)")
	}
	return nil
}
