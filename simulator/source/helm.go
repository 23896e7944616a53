package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/seatrial/seatrial/simulator/capture"
)

// KubernetesVersion is what charts are rendered for where nothing else is asked: that of the API
// server's code in this program.
const KubernetesVersion = "v1.36.3"

// Errors about charts.
var (
	ErrNoChart      = errors.New("no chart")
	ErrDependencies = errors.New("dependencies of the chart are not in its charts/ folder")
)

// HelmOptions are what helm template asks.
type HelmOptions struct {
	Release     string // empty: the name of the chart
	Namespace   string // empty: "default"
	ValueFiles  []string
	Set         []string // K=V
	SetString   []string // K=V
	KubeVersion string   // empty: [KubernetesVersion]
	APIVersions []string // that the cluster serves besides those of Kubernetes
	NoCRDs      bool     // leave out what is in crds/ folders
}

// Helm renders charts, as helm template does, and writes what a release creates as one cluster, as
// [Manifests] does: definitions, manifests in the order of an installation, hooks but for tests. The
// origin of an object is its template, without a line: that of the rendered file is not the
// template's. Nothing is fetched, and no cluster is asked: lookup finds nothing.
func Helm(ctx context.Context, w *capture.Writer, cluster capture.Cluster, charts []string, opt HelmOptions, strict bool) (Summary, error) {
	cluster.Source = "helm"
	sum := Summary{Files: len(charts)}
	var inputs []input
	for _, name := range charts {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		r := rendering{path: name, opt: opt, sum: &sum}
		if err := r.run(); err != nil {
			return sum, fmt.Errorf("render %s: %w", name, err)
		}
		inputs = append(inputs, r.inputs...)
	}
	return sum, write(ctx, w, cluster, &sum, inputs, charts, strict)
}

// rendering is a chart on its way to objects.
type rendering struct {
	path   string // as given
	opt    HelmOptions
	chart  *chart.Chart
	sum    *Summary
	inputs []input
}

func (r *rendering) run() error {
	if err := r.load(); err != nil {
		return err
	}
	values, err := r.opt.values()
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependenciesWithMerge(r.chart, values); err != nil {
		return err
	}
	r.note()
	capabilities, err := r.opt.capabilities()
	if err != nil {
		return err
	}
	if wants := r.chart.Metadata.KubeVersion; wants != "" && !chartutil.IsCompatibleRange(wants, capabilities.KubeVersion.Version) {
		return fmt.Errorf("the chart wants Kubernetes %s, and this is %s", wants, capabilities.KubeVersion.Version)
	}
	name := r.opt.Release
	if name == "" {
		name = r.chart.Name()
	}
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return fmt.Errorf("release %q: %w", name, err)
	}
	options := chartutil.ReleaseOptions{Name: name, Namespace: r.opt.namespace(), Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(r.chart, values, options, capabilities, true) // it may fetch schemas
	if err != nil {
		return err
	}
	if all, err := top.Table("Values"); err != nil {
		return err
	} else if err := r.check(r.chart, all); err != nil {
		return err
	}
	files, err := engine.Render(r.chart, top)
	if err != nil {
		return err
	}
	return r.sort(files)
}

// load reads a chart that can be installed.
func (r *rendering) load() (err error) {
	if _, err := os.Stat(r.path); err != nil {
		return err
	}
	if r.chart, err = loader.Load(r.path); err != nil {
		return fmt.Errorf("%w: %w", ErrNoChart, err)
	}
	if kind := r.chart.Metadata.Type; kind != "" && kind != "application" {
		return fmt.Errorf("a chart of type %s cannot be installed", kind)
	}
	var missing []string
	for _, wanted := range r.chart.Metadata.Dependencies {
		if !slices.ContainsFunc(r.chart.Dependencies(), func(c *chart.Chart) bool { return c.Name() == wanted.Name }) {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s", ErrDependencies, strings.Join(missing, ", "))
	}
	return nil
}
