package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/cluster/existing"
	"github.com/seatrial/seatrial/harness/cluster/kind"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/scenarios"
)

// providers are all that there are, those of kind and of existing clusters in folders of their
// own within the fleet's, the one that the flag names first.
func (f *fleetFlags) providers(env Env, dir string) (cluster.Provider, error) {
	if p := f.provider; p != "" && p != embedded.Kind && p != kind.Kind {
		return nil, malformed(fmt.Errorf("unknown provider %q", p),
			"known providers: "+embedded.Kind+", "+kind.Kind+"; clusters that exist already are named in a file")
	}
	log := func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) }
	store := binaries.Default(showBuild(env))
	e, err := embedded.New(dir, store, log)
	if err != nil {
		return nil, unanswered(err)
	}
	k, err := kind.New(filepath.Join(dir, kind.Kind), store, log)
	if err != nil {
		return nil, unanswered(err)
	}
	x, err := existing.New(filepath.Join(dir, existing.Kind), f.confirm(env))
	if err != nil {
		return nil, unanswered(err)
	}
	if f.provider == kind.Kind {
		return fleet.Mixed{k, e, x}, nil
	}
	return fleet.Mixed{e, k, x}, nil
}

// confirm asks a person whether something may be written to a cluster that exists already.
func (f *fleetFlags) confirm(env Env) func(context.Context, string) error {
	return func(ctx context.Context, what string) error {
		switch {
		case f.yes:
			fmt.Fprintln(env.Stderr, what)
			return nil
		case !isTerminal(env.Stdin):
			return fmt.Errorf("%w: nobody could be asked about %s (hint: --yes)", existing.ErrNotConfirmed, what)
		}
		fmt.Fprintf(env.Stderr, "%s\ngo on? [y/N] ", what)
		line, err := bufio.NewReader(env.Stdin).ReadString('\n')
		if err != nil || !strings.EqualFold(strings.TrimSpace(line), "y") {
			return existing.ErrNotConfirmed
		}
		return ctx.Err()
	}
}

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
	if k.workers < 0 {
		return fmt.Errorf("--workers: %d, want 0 or more", k.workers)
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
	}
	if !used && (k.image != "" || k.kyverno != "" || k.workers > 0 || len(k.images) > 0) {
		return errors.New("--node-image, --workers, --kyverno and --images are of kind clusters, and there is none (hint: --provider kind)")
	}
	return nil
}

func newFleetNodeImage(env Env) *cobra.Command {
	var o nodeimage.Options
	cmd := &cobra.Command{
		Use:   "node-image",
		Short: "Build the node image of kind clusters from Debian packages and Go modules, where no registry answers",
		Long: "node-image builds an image for the nodes of kind clusters in the Docker engine, through kind's\n" +
			"own build, without a registry: about ten minutes on two cores when nothing is cached, seconds\n" +
			"when the image is there. It takes root, debootstrap, a Debian mirror and a Go module proxy.\n" +
			"Standard output is the image's name. docs/kind.md says what the image lacks.",
		Example: "  seatrial fleet node-image --kubernetes " + binaries.KubernetesVersion + " -o " + nodeimage.Default + "\n" +
			"  seatrial fleet up --provider kind --clusters 2",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.Kubernetes, "kubernetes", binaries.KubernetesVersion, "version of Kubernetes; its modules are pinned here")
	cmd.Flags().StringVarP(&o.Image, "output", "o", nodeimage.Default, "name of the image, with a tag")
	cmd.Flags().BoolVar(&o.Kyverno, "with-kyverno", false, "put the images of Kyverno "+binaries.KyvernoVersion+" into it, for --kyverno cluster")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		start := time.Now()
		o.Store = binaries.Default(showBuild(env))
		o.Log = func(format string, args ...any) { fmt.Fprintf(env.Stderr, format+"\n", args...) }
		name, err := nodeimage.Build(cmd.Context(), o)
		if errors.Is(err, cluster.ErrUnsupported) {
			return malformed(err, "")
		}
		if err != nil {
			return unanswered(err)
		}
		fmt.Fprintf(env.Stderr, "the image is there after %.0f s\n", time.Since(start).Seconds())
		fmt.Fprintln(env.Stdout, name)
		return nil
	}
	return cmd
}
