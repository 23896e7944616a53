package registrytest

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// AnyHost answers for every registry there is: by what r has in the same repository.
func (r *Registry) AnyHost() http.RoundTripper { return anyHost(r.Host) }

type anyHost string

func (host anyHost) RoundTrip(req *http.Request) (*http.Response, error) {
	moved := req.Clone(req.Context())
	moved.URL.Scheme, moved.URL.Host, moved.Host = "http", string(host), ""
	return http.DefaultTransport.RoundTrip(moved)
}

// configured is an image with a configuration of any content.
type configured struct {
	v1.Image
	config, manifest []byte
}

func (c configured) RawConfigFile() ([]byte, error) { return c.config, nil }
func (c configured) RawManifest() ([]byte, error)   { return c.manifest, nil }

func (c configured) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	return c.Image.LayerByDigest(h)
}

// PushConfigured puts an image with a configuration into the registry, or an index of that
// one image, and returns its digest.
func (r *Registry) PushConfigured(image string, config map[string]any, index bool) v1.Hash {
	r.t.Helper()
	base, err := random.Image(256, 1)
	r.must(err)
	raw, err := json.Marshal(config)
	r.must(err)
	manifest, err := base.Manifest()
	r.must(err)
	manifest = manifest.DeepCopy()
	manifest.Config.Digest, manifest.Config.Size, err = v1.SHA256(bytes.NewReader(raw))
	r.must(err)
	content, err := json.Marshal(manifest)
	r.must(err)
	made, err := partial.CompressedToImage(configured{base, raw, content})
	r.must(err)
	if !index {
		return r.push(image, made)
	}
	all := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, err := name.ParseReference(r.Host + "/" + image)
	r.must(err)
	r.must(remote.WriteIndex(ref, all))
	digest, err := all.Digest()
	r.must(err)
	return digest
}

// Refer puts content into a repository that refers to what is there by a digest, as signatures
// and attestations do: an artifact with one layer. It returns the artifact's own digest.
func (r *Registry) Refer(repository string, digest v1.Hash, artifact string, content []byte, layer types.MediaType) v1.Hash {
	r.t.Helper()
	ref, err := name.NewDigest(r.Host + "/" + repository + "@" + digest.String())
	r.must(err)
	subject, err := remote.Head(ref)
	r.must(err)
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(content, layer))
	r.must(err)
	referring, ok := mutate.Subject(mutate.ConfigMediaType(image, types.MediaType(artifact)), *subject).(v1.Image)
	if !ok {
		r.t.Fatal("the artifact is no image")
	}
	own, err := referring.Digest()
	r.must(err)
	at, err := name.NewDigest(r.Host + "/" + repository + "@" + own.String())
	r.must(err)
	r.must(remote.Write(at, referring))
	return own
}
