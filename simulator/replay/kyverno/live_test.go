package kyverno

import (
	"os"
	"path/filepath"
	"testing"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	apiextv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

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

// What synchronizes with a Secret whose values were not read is undecided, unless Kyverno cloned it.
func TestSecretsThatMayBeOthers(t *testing.T) {
	cloned := map[string]any{"app.kubernetes.io/managed-by": "kyverno"}
	for _, c := range []struct {
		reason      string
		labels      map[string]any
		synchronize bool
		data        *apiextv1.JSON
		key         string
		undecided   bool
	}{
		{"somebody's", nil, true, nil, capture.Hidden, true},
		{"somebody's, which stays as it is", nil, false, nil, capture.Hidden, false},
		{"a clone", cloned, true, nil, capture.Hidden, false},
		{"written by a rule", cloned, true, &apiextv1.JSON{Raw: []byte(`{}`)}, capture.Hidden, true},
		{"one whose keys are known", nil, true, nil, "password", false},
	} {
		rule := &kyvernov1.Rule{Name: "r", Generation: &kyvernov1.Generation{Synchronize: c.synchronize}}
		rule.Generation.RawData = c.data
		g := &generateClient{client: client{req: &request{}}, rule: rule}
		g.compare(map[string]any{"kind": "Secret", "metadata": map[string]any{"name": "s", "labels": c.labels}, "data": map[string]any{c.key: capture.HiddenBase64}})
		if found := g.client.req.misses.take(); (len(found) > 0) != c.undecided {
			t.Errorf("%s: %v", c.reason, found)
		}
	}
}
