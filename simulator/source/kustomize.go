package source

import (
	"context"
	"fmt"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/kustomize"
)

// Errors about kustomizations.
var (
	ErrRemote     = kustomize.ErrRemote
	ErrHelmCharts = kustomize.ErrHelmCharts
)

// Kustomize renders kustomizations, as kubectl kustomize does but without a network and without
// plugins, and writes them as one cluster, as [Manifests] does. The origin of an object is the file
// that kustomize had it from, with its line where that is certain; of what kustomize generated, the
// kustomization. anywhere allows files outside of the folder of a kustomization.
func Kustomize(ctx context.Context, w *capture.Writer, cluster capture.Cluster, folders []string, anywhere, strict bool) (Summary, error) {
	cluster.Source = "kustomize"
	sum := Summary{Files: len(folders)}
	var inputs []input
	for _, folder := range folders {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		made, err := kustomize.Render(kustomize.OnDisk(), folder, anywhere)
		if err != nil {
			return sum, fmt.Errorf("render %s: %w", folder, err)
		}
		for _, o := range made.Objects {
			inputs = append(inputs, rendered(o.File, o.Line, o.Content))
		}
	}
	return sum, write(ctx, w, cluster, &sum, inputs, folders, strict)
}
