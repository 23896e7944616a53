package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
)

func newFleetPrepare(env Env) *cobra.Command {
	var kubernetes string
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "Build the programs that fleets run, once for this machine, so that nothing waits for it later",
		Example: "  seatrial fleet prepare\n" +
			"  seatrial fleet prepare --kubernetes " + binaries.KubernetesVersions()[0],
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&kubernetes, "kubernetes", binaries.KubernetesVersion, "version of Kubernetes: "+strings.Join(binaries.KubernetesVersions(), ", "))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if v := binaries.KubernetesVersions(); !slices.Contains(v, kubernetes) {
			return malformed(fmt.Errorf("--kubernetes: %q is not pinned", kubernetes), "these are: "+strings.Join(v, ", "))
		}
		start := time.Now()
		paths, err := binaries.Default(showBuild(env)).For(kubernetes).Get(cmd.Context(), binaries.ForFleets()...)
		if err != nil {
			return unanswered(err)
		}
		for _, n := range binaries.ForFleets() {
			fmt.Fprintf(env.Stdout, "%s\t%s\n", n, paths[n])
		}
		fmt.Fprintf(env.Stderr, "everything is there after %.0f s\n", time.Since(start).Seconds())
		return nil
	}
	return cmd
}

// showBuild draws how far the build of a program is: one line that is redrawn on a
// terminal, a line for the beginning and the end elsewhere.
func showBuild(env Env) func(binaries.Event) {
	terminal := isTerminal(env.Stderr)
	begun := map[binaries.Name]bool{}
	return func(e binaries.Event) {
		switch {
		case e.Built && terminal:
			fmt.Fprintf(env.Stderr, "\r\033[Kbuilt %s %s\n", e.Name, e.Version)
		case e.Built:
			fmt.Fprintf(env.Stderr, "built %s %s\n", e.Name, e.Version)
		case terminal:
			fmt.Fprintf(env.Stderr, "\r\033[Kbuilding %s %s: %d of %d packages", e.Name, e.Version, e.Done, e.Total)
		case !begun[e.Name] && e.Total > 0:
			begun[e.Name] = true
			fmt.Fprintf(env.Stderr, "building %s %s, once for this machine: %d packages\n", e.Name, e.Version, e.Total)
		}
	}
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
		Example: "  seatrial fleet node-image --kubernetes " + binaries.KubernetesVersion + " -o " + nodeimage.Name("") + "\n" +
			"  seatrial fleet up --provider kind --clusters 2",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.Kubernetes, "kubernetes", binaries.KubernetesVersion, "version of Kubernetes: "+strings.Join(binaries.KubernetesVersions(), ", "))
	cmd.Flags().StringVarP(&o.Image, "output", "o", "", "name of the image, with a tag (default "+nodeimage.Name("VERSION")+")")
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
