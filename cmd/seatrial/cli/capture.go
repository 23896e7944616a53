package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

func newCapture(env Env) *cobra.Command {
	verb := &cobra.Command{
		Use:   "capture",
		Short: "Save what production runs, for replays",
		Long: "capture writes a capture: admission requests in order, and the cluster state that\n" +
			"policies may look up. Values of Secrets never enter it; the file's mode is 0600.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	verb.AddCommand(newCaptureManifests(env), newCaptureKustomize(env), newCaptureHelm(env), newCaptureVelero(env), newCaptureAudit(env), newCaptureCluster(env),
		newCaptureImages(env), newCaptureInfo(env), newCaptureMerge(env))
	return verb
}

// captureFlags are what all sources share.
type captureFlags struct {
	out      string
	cluster  string
	labels   map[string]string
	complete bool
	strict   bool
	gives    string // a hint: what the source takes
}

func (f *captureFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "output", "o", "", "capture to write (required)")
	flags.StringVar(&f.cluster, "cluster", "cluster", "name of the cluster")
	flags.StringToStringVar(&f.labels, "cluster-labels", nil, "labels of the cluster, as env=production,region=eu")
	flags.BoolVar(&f.complete, "complete", false, "what the files do not show does not exist: look-ups that find nothing are answers, not unknowns")
	flags.BoolVar(&f.strict, "strict", false, "fail at the first piece of input that cannot be read, instead of counting it")
	_ = cmd.MarkFlagRequired("output")
}

// write runs a source against a new capture and leaves no half file.
func (f *captureFlags) write(ctx context.Context, run func(*capture.Writer, capture.Cluster) (source.Summary, error)) (source.Summary, error) {
	if strings.TrimSpace(f.cluster) == "" {
		return source.Summary{}, malformed(errors.New("--cluster: a cluster needs a name"), "")
	}
	w, err := capture.NewWriter(f.out)
	if err != nil {
		return source.Summary{}, malformed(err, "")
	}
	sum, err := run(w, capture.Cluster{Name: f.cluster, Labels: f.labels, Complete: f.complete})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.Abort()
		return sum, malformed(err, f.hint(err))
	}
	return sum, w.Close()
}

func newCaptureManifests(env Env) *cobra.Command {
	var f captureFlags
	var namespace string
	cmd := &cobra.Command{
		Use:   "manifests -o FILE [--cluster NAME] [-n NAMESPACE] PATH…",
		Short: "Capture manifests: folders, files, kubectl get -o yaml dumps, - for stdin",
		Example: "  seatrial capture manifests -o shop.capture --cluster production deploy/\n" +
			"  kubectl get deploy,pods,ns -A -o yaml | seatrial capture manifests -o live.capture -\n" +
			"  helm template shop chart/ | seatrial capture manifests -o shop.capture -n shop -",
		Args: cobra.MinimumNArgs(1),
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace of namespaced objects that name none, as in kubectl (default: default)")
	f.gives = "give files or folders with Kubernetes objects (*.yaml, *.yml, *.json)"
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		if wrong := validation.IsDNS1123Label(namespace); cmd.Flags().Changed("namespace") && len(wrong) > 0 {
			return malformed(fmt.Errorf("--namespace: %q is no name of a namespace: %s", namespace, wrong[0]), "")
		}
		sum, err := f.write(cmd.Context(), func(w *capture.Writer, c capture.Cluster) (source.Summary, error) {
			return source.ManifestsIn(cmd.Context(), w, c, paths, env.Stdin, f.strict, namespace)
		})
		printSkipped(env.Stderr, sum)
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "captured %d objects of %d files: %d live, %d from a repository", sum.Objects, sum.Files, sum.Live, sum.Objects-sum.Live)
		printRest(env.Stderr, sum, f.out)
		return nil
	}
	return cmd
}

func newCaptureAudit(env Env) *cobra.Command {
	var f captureFlags
	var world []string
	cmd := &cobra.Command{
		Use:   "audit -o FILE --cluster NAME [--world PATH]… PATH…",
		Short: "Capture the API server's audit log: JSON lines or EventLists, plain or gzip; files, folders, - for stdin",
		Long: "audit captures the API server's audit log: JSON lines or EventLists, plain or gzip; files,\n" +
			"folders, - for stdin. Logs of several API servers are put together by their times, in\n" +
			"whichever order they are given.",
		Example: "  seatrial capture audit -o week.capture --cluster production --world dump.yaml /var/log/kubernetes/audit.log",
		Args:    cobra.MinimumNArgs(1),
	}
	f.register(cmd)
	f.gives = "give audit logs: events of audit.k8s.io as JSON lines or EventLists"
	cmd.Flags().StringArrayVar(&world, "world", nil, "manifests or kubectl dumps of the cluster that policies may look things up in (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		sum, err := f.write(cmd.Context(), func(w *capture.Writer, c capture.Cluster) (source.Summary, error) {
			return source.Audit(cmd.Context(), w, c, files, world, env.Stdin, f.strict)
		})
		printSkipped(env.Stderr, sum)
		if err != nil {
			return err
		}
		a := sum.Audit
		fmt.Fprintf(env.Stderr, "captured %d requests of %d audit events: %d complete, %d partial, %d without body\n", sum.Objects, a.Events, a.Complete, a.Partial, a.NoBody)
		fmt.Fprintf(env.Stderr, "  kept and marked: %d dry runs, %d refused or failed, %d whose object before is known only as it was sent, %d patches known only by their answers\n", a.DryRun, a.Failed, a.AsSent, a.AsAnswered)
		fmt.Fprintf(env.Stderr, "  not admission requests: %d reads, %d deletions of empty collections, %d events of other stages, %d duplicates", a.Reads, a.Empty, a.OtherStages, a.Duplicates)
		if a.Late+a.Timeless > 0 {
			fmt.Fprintf(env.Stderr, "\n  not in order: %d events after later ones, from a pipe (give the log as a file), %d without a time in several logs", a.Late, a.Timeless)
		}
		printRest(env.Stderr, sum, f.out)
		return nil
	}
	return cmd
}

func printSkipped(w io.Writer, sum source.Summary) {
	for _, s := range sum.Skipped {
		fmt.Fprintf(w, "skipped %s: %s\n", s.Place(), s.Reason)
	}
	printNotes(w, sum.Notes)
	printNotes(w, sum.Replaced)
}

// printNotes tells what to know of the answer, such as objects that are given more than once.
func printNotes(w io.Writer, notes []string) {
	for _, words := range notes {
		fmt.Fprintf(w, "note: %s\n", words)
	}
}

func printRest(w io.Writer, sum source.Summary, out string) {
	if sum.Redacted > 0 {
		fmt.Fprintf(w, "; values of %d Secrets and tokens replaced", sum.Redacted)
	}
	fmt.Fprintln(w)
	if sum.Tests > 0 {
		fmt.Fprintf(w, "  left out %d hooks that test a release\n", sum.Tests)
	}
	if sum.Noise > 0 {
		fmt.Fprintf(w, "  left out %d objects that a cluster keeps for itself: events, leases, endpoints, ephemeral reports\n", sum.Noise)
	}
	if sum.Unplaced > 0 {
		fmt.Fprintf(w, "  %s no namespace and went to default; capture manifests --namespace names another, as in kubectl\n", counted(sum.Unplaced, "namespaced object names", "namespaced objects name"))
	}
	if len(sum.Skipped)+sum.NonObjects > 0 {
		fmt.Fprintf(w, "  skipped %d pieces that could not be read; passed over %d documents that are no Kubernetes objects\n", len(sum.Skipped), sum.NonObjects)
	}
	fmt.Fprintf(w, "wrote %s\n", out)
}

func newCaptureMerge(env Env) *cobra.Command {
	var out string
	var join bool
	cmd := &cobra.Command{
		Use:   "merge -o FILE CAPTURE…",
		Short: "Put the clusters of several captures into one",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			end, err := capture.Merge(cmd.Context(), out, files, join)
			if err != nil {
				return malformed(err, "")
			}
			printNotes(env.Stderr, end.Replaced)
			fmt.Fprintf(env.Stderr, "merged %d records of %d captures\nwrote %s\n", end.Records, len(files), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "capture to write (required)")
	cmd.Flags().BoolVar(&join, "join", false, "clusters of the same name are one cluster: put their worlds and requests together")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}
