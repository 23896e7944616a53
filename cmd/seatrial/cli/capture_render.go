package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

func newCaptureKustomize(env Env) *cobra.Command {
	var f captureFlags
	var restrictor string
	cmd := &cobra.Command{
		Use:   "kustomize -o FILE [--cluster NAME] DIR…",
		Short: "Capture what kustomizations render, without a network or plugins",
		Long: "kustomize renders kustomizations as kubectl kustomize does, and captures the objects.\n" +
			"Nothing is fetched and no program is run: remote bases and helm charts are refused.",
		Example: "  seatrial capture kustomize -o shop.capture --cluster production overlays/production",
		Args:    cobra.MinimumNArgs(1),
	}
	f.register(cmd)
	f.gives = "give folders with a kustomization.yaml"
	cmd.Flags().StringVar(&restrictor, "load-restrictor", restrictRoot, restrictRoot+": files come from the folder of their kustomization; "+restrictNone+": from anywhere")
	cmd.RunE = func(cmd *cobra.Command, folders []string) error {
		if restrictor != restrictRoot && restrictor != restrictNone {
			return malformed(fmt.Errorf("unknown --load-restrictor %q", restrictor), "known: "+restrictRoot+", "+restrictNone)
		}
		return f.render(cmd, env, "kustomizations", func(w *capture.Writer, c capture.Cluster) (source.Summary, error) {
			return source.Kustomize(cmd.Context(), w, c, folders, restrictor == restrictNone, f.strict)
		})
	}
	return cmd
}

// What kubectl kustomize calls them.
const (
	restrictRoot = "LoadRestrictionsRootOnly"
	restrictNone = "LoadRestrictionsNone"
)

func newCaptureHelm(env Env) *cobra.Command {
	var f captureFlags
	var opt source.HelmOptions
	crds := true
	cmd := &cobra.Command{
		Use:   "helm -o FILE [--cluster NAME] [--release NAME] [-n NAMESPACE] [-f FILE]… [--set K=V]… CHART…",
		Short: "Capture what Helm charts render: folders or .tgz archives, without a network",
		Long: "helm renders charts as helm template does, and captures what a release creates.\n" +
			"Dependencies must be in charts/. No cluster is asked: lookup finds nothing.",
		Example: "  seatrial capture helm -o web.capture --cluster production -n shop -f values-prod.yaml charts/web",
		Args:    cobra.MinimumNArgs(1),
	}
	f.register(cmd)
	f.gives = "give chart folders or .tgz archives, with values that have them render something"
	flags := cmd.Flags()
	flags.StringVar(&opt.Release, "release", "", "name of the release (the chart's name)")
	flags.StringVarP(&opt.Namespace, "namespace", "n", "default", "namespace of the release")
	flags.StringSliceVarP(&opt.ValueFiles, "values", "f", nil, "file of values (repeatable; later ones win)")
	flags.StringArrayVar(&opt.Set, "set", nil, "value, as replicas=3,image.tag=v2 (repeatable)")
	flags.StringArrayVar(&opt.SetString, "set-string", nil, "value that is text (repeatable)")
	flags.StringVar(&opt.KubeVersion, "kube-version", source.KubernetesVersion, "Kubernetes version that the charts are rendered for")
	flags.StringSliceVarP(&opt.APIVersions, "api-versions", "a", nil, "API version that the cluster serves besides Kubernetes' own (repeatable)")
	flags.BoolVar(&crds, "include-crds", true, "what is in crds/ folders too")
	cmd.RunE = func(cmd *cobra.Command, charts []string) error {
		if opt.Release != "" && len(charts) > 1 {
			return malformed(errors.New("--release names one release, but there are several charts"), "capture them one by one; seatrial capture merge --join puts them together")
		}
		opt.NoCRDs = !crds
		return f.render(cmd, env, "charts", func(w *capture.Writer, c capture.Cluster) (source.Summary, error) {
			return source.Helm(cmd.Context(), w, c, charts, opt, f.strict)
		})
	}
	return cmd
}

// render writes a capture of something that is rendered first. what it is made of is counted.
func (f *captureFlags) render(cmd *cobra.Command, env Env, what string, run func(*capture.Writer, capture.Cluster) (source.Summary, error)) error {
	sum, err := f.write(cmd.Context(), run)
	printSkipped(env.Stderr, sum)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "captured %d objects of %d %s: %d live, %d from a repository", sum.Objects, sum.Files, what, sum.Live, sum.Objects-sum.Live)
	printRest(env.Stderr, sum, f.out)
	return nil
}

// sourceHints say what to do where a source refuses something.
var sourceHints = []struct {
	err  error
	hint string
}{
	{source.ErrBackup, "seatrial capture velero takes each object once"},
	{source.ErrNoBackup, "seatrial capture manifests reads any folder of manifests"},
	{source.ErrArchive, "velero backup download fetches it again"},
	{source.ErrRemote, "keep a copy of it beside the kustomization; or: kubectl kustomize DIR | seatrial capture manifests -o FILE -"},
	{source.ErrHelmCharts, "kubectl kustomize --enable-helm DIR | seatrial capture manifests -o FILE -"},
	{source.ErrNoChart, "give the folder that Chart.yaml is in, or the archive that helm package makes"},
	{source.ErrDependencies, "helm dependency build CHART fetches them"},
}

// hint is what to do about an error of a source.
func (f *captureFlags) hint(err error) string {
	if errors.Is(err, source.ErrNothing) {
		return f.gives
	}
	for _, known := range sourceHints {
		if errors.Is(err, known.err) {
			return known.hint
		}
	}
	return ""
}
