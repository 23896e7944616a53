package kyverno

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
	"github.com/seatrial/seatrial/simulator/source"
)

// captureLive captures objects as a live cluster lists them: all of each resource, and of Secrets
// the metadata and the type. Of those in
// old.yaml not even the type, and nobody knows whether they are all: so it was once.
func captureLive(t *testing.T, w *capture.Writer, cluster capture.Cluster, dir string) error {
	t.Helper()
	live, resources := source.NewLive(cluster.Name), capture.NewResources()
	listed := map[capture.GVR]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, doc := range manifest.Split(content) {
			if doc.Err != nil {
				return doc.Err
			}
			gvk := capture.ParseGVK(doc.Object["apiVersion"].(string), doc.Object["kind"].(string))
			gvr, _, _ := resources.ResourceFor(gvk)
			in := source.LiveObject{Content: doc.Object, Resource: gvr, MetadataOnly: gvk.Kind == "Secret"}
			if in.MetadataOnly {
				in.Content = map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": doc.Object["metadata"]}
				if filepath.Base(file) != "old.yaml" {
					in.Content["type"] = doc.Object["type"]
				}
			}
			if err := live.Add(in); err != nil {
				return err
			}
			l := capture.Listed{Group: gvr.Group, Resource: gvr.Resource}
			switch {
			case listed[gvr] || filepath.Base(file) == "old.yaml":
			case in.MetadataOnly:
				cluster.Named = append(cluster.Named, l)
			default:
				cluster.Listed = append(cluster.Listed, l)
			}
			listed[gvr] = true
		}
	}
	_, err = live.Write(w, cluster)
	return err
}
