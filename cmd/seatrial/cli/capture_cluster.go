package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seatrial/seatrial/harness/record"
	"github.com/seatrial/seatrial/simulator/capture"
)

// clusterFlags are the flags of capture cluster.
type clusterFlags struct {
	out        string
	kubeconfig string
	contexts   []string
	cluster    string
	labels     map[string]string
	opt        record.Options
}

func newCaptureCluster(env Env) *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:   "cluster -o FILE [--context NAME]…",
		Short: "Capture running clusters: lists what they hold, reads no Secret, changes nothing",
		Example: "  seatrial capture cluster -o today.capture --context production-eu --context production-us\n" +
			"  seatrial capture cluster -o shop.capture --namespace shop --kinds Deployment,StatefulSet,Pod",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), env) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "capture to write (required)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig to use, not $KUBECONFIG or ~/.kube/config")
	flags.StringArrayVar(&f.contexts, "context", nil, "context to capture, and the cluster's name in the capture (repeatable; the current one)")
	flags.StringVar(&f.cluster, "cluster", "", "another name for the cluster, where there is one context")
	flags.StringToStringVar(&f.labels, "cluster-labels", nil, "labels of the clusters, as env=production,region=eu")
	flags.StringSliceVar(&f.opt.Namespaces, "namespace", nil, "capture the objects of this namespace only (repeatable)")
	flags.StringSliceVar(&f.opt.Kinds, "kinds", nil, "make requests of these kinds only: Deployment, pods, certificates.cert-manager.io")
	flags.Float32Var(&f.opt.QPS, "qps", record.DefaultQPS, "requests a second to each cluster")
	flags.IntVar(&f.opt.Burst, "burst", record.DefaultBurst, "requests at once to each cluster, before --qps holds")
	flags.IntVar(&f.opt.PageSize, "page-size", record.DefaultPageSize, "objects of one answer")
	flags.DurationVar(&f.opt.Timeout, "timeout", record.DefaultTimeout, "patience with one request")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

func (f *clusterFlags) run(ctx context.Context, env Env) error {
	targets, err := f.targets(env)
	if err != nil {
		return err
	}
	w, err := capture.NewWriter(f.out)
	if err != nil {
		return malformed(err, "")
	}
	progress, done := clusterProgress(env)
	f.opt.Progress = progress
	sums, err := record.Fleet(ctx, w, targets, f.opt)
	done()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.Abort()
		return clusterError(err)
	}
	if err := w.Close(); err != nil {
		return unanswered(err)
	}
	for _, sum := range sums {
		printClusterSummary(env.Stderr, sum)
	}
	fmt.Fprintf(env.Stderr, "wrote %s\n", f.out)
	return nil
}

// targets are the contexts that are asked for.
func (f *clusterFlags) targets(env Env) ([]record.Target, error) {
	if f.opt.QPS <= 0 || f.opt.Burst <= 0 || f.opt.PageSize <= 0 || f.opt.Timeout <= 0 {
		return nil, malformed(errors.New("--qps, --burst, --page-size and --timeout must be greater than zero"), "")
	}
	targets, err := record.Contexts(kubeconfigs(env, f.kubeconfig), f.contexts)
	if err != nil {
		return nil, malformed(err, "name a file with --kubeconfig and its contexts with --context; kubectl config get-contexts lists them")
	}
	if f.cluster != "" && len(targets) > 1 {
		return nil, malformed(errors.New("--cluster renames one cluster, but there are several contexts"), "rename the contexts: kubectl config rename-context")
	}
	for i := range targets {
		targets[i].Labels = maps.Clone(f.labels)
		if f.cluster != "" {
			targets[i].Name = f.cluster
		}
	}
	return targets, nil
}

// kubeconfigs are the files that kubectl would read.
func kubeconfigs(env Env, given string) []string {
	if given != "" {
		return []string{given}
	}
	files := filepath.SplitList(env.Getenv("KUBECONFIG"))
	if files = slices.DeleteFunc(files, func(s string) bool { return s == "" }); len(files) > 0 {
		return files
	}
	return []string{filepath.Join(env.Getenv("HOME"), ".kube", "config")}
}

// clusterError says whose mistake it was, and what to do.
func clusterError(err error) error {
	hint := ""
	switch {
	case errors.Is(err, record.ErrKind), errors.Is(err, record.ErrTwice):
		return malformed(err, "kubectl api-resources lists the kinds of a cluster")
	case errors.Is(err, record.ErrUnreachable):
		hint = "is it up, and is this the right context? kubectl --context NAME version asks the same"
	case errors.Is(err, record.ErrUnauthorized):
		hint = "log in again, or take a context of a user who may list: docs/capture-cluster.md has a role"
	}
	return &exitError{exitUnanswered, err, hint}
}

func printClusterSummary(w io.Writer, sum record.Summary) {
	fmt.Fprintf(w, "captured cluster %s (%s): %d objects of %d resources, %d that policies may look up",
		sum.Cluster, sum.ServerVersion, sum.Objects, sum.Resources, sum.World)
	if sum.Redacted > 0 {
		fmt.Fprintf(w, "; values of %d Secrets and tokens left out", sum.Redacted)
	}
	fmt.Fprintln(w)
	if len(sum.Skipped) == 0 {
		return
	}
	fmt.Fprintf(w, "  skipped %d resources; what rests on them is undecided:\n", len(sum.Skipped))
	for _, s := range sum.Skipped {
		fmt.Fprintf(w, "    %s: %s\n", s.File, s.Reason)
	}
}

// clusterProgress draws one line on a terminal, and nothing elsewhere.
func clusterProgress(env Env) (func(record.Progress), func()) {
	file, ok := env.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || env.Getenv("CI") != "" || env.Getenv("TERM") == "dumb" {
		return nil, func() {}
	}
	var mu sync.Mutex
	clear := "\r" + strings.Repeat(" ", 79) + "\r"
	draw := func(p record.Progress) {
		mu.Lock()
		defer mu.Unlock()
		line := fmt.Sprintf("%s: %d of %d resources, %d objects (%s)", p.Cluster, p.Done, p.Total, p.Objects, p.Resource)
		fmt.Fprintf(env.Stderr, "%s%.78s", clear, line)
	}
	return draw, func() { fmt.Fprint(env.Stderr, clear) }
}
