package registries

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seatrial/seatrial/simulator/capture"
)

// maxReferrers is how many referrers of an image Kyverno looks at.
const maxReferrers = 50

// manifest is what all kinds of manifests have.
type manifest struct {
	Config    *v1.Descriptor  `json:"config"`
	Layers    []v1.Descriptor `json:"layers"`
	Manifests []v1.Descriptor `json:"manifests"`
}

// Image asks what a verification of an image may ask. A reference that is none is an error;
// what a registry does not answer is in its answers.
func (r *Registries) Image(ctx context.Context, image string) error {
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		return fmt.Errorf("image %q: %w", image, err)
	}
	options := []remote.Option{remote.WithTransport(r), remote.WithAuth(authn.Anonymous), remote.WithContext(ctx)}
	found, err := remote.Get(ref, options...)
	if err != nil {
		r.get(ctx, ref.Context(), "manifests", ref.Identifier()) // its answer says why
		return ctx.Err()
	}
	if one, err := found.Image(); err == nil { // of an index, the child that clients take
		_, _ = one.RawConfigFile() // the answer says whether it was to be had
	}
	digest := ref.Context().Digest(found.Digest.String())
	for _, suffix := range []string{".sig", ".att"} {
		tag := ref.Context().Tag(strings.ReplaceAll(found.Digest.String(), ":", "-") + suffix)
		r.artifact(ctx, tag)
	}
	r.referrers(ctx, digest, options, true)
	return ctx.Err()
}

// referrers asks what refers to a manifest, and what refers to that.
func (r *Registries) referrers(ctx context.Context, digest name.Digest, options []remote.Option, again bool) {
	index, err := remote.Referrers(digest, options...)
	if err != nil {
		return
	}
	list, err := index.IndexManifest()
	if err != nil {
		return
	}
	for i, one := range list.Manifests {
		if i == maxReferrers || ctx.Err() != nil {
			return
		}
		referrer := digest.Context().Digest(one.Digest.String())
		r.artifact(ctx, referrer)
		if again {
			r.referrers(ctx, referrer, options, false)
		}
	}
}

// artifact asks for a manifest and its blobs.
func (r *Registries) artifact(ctx context.Context, ref name.Reference) {
	body, ok := r.get(ctx, ref.Context(), "manifests", ref.Identifier())
	var m manifest
	if !ok || json.Unmarshal(body, &m) != nil {
		return
	}
	blobs := m.Layers
	if m.Config != nil {
		blobs = append(blobs, *m.Config)
	}
	for _, blob := range blobs {
		r.get(ctx, ref.Context(), "blobs", blob.Digest.String())
	}
}

// get asks for one URL.
func (r *Registries) get(ctx context.Context, in name.Repository, kind, reference string) ([]byte, bool) {
	at := url.URL{Scheme: in.Scheme(), Host: in.RegistryStr(), Path: "/v2/" + in.RepositoryStr() + "/" + kind + "/" + reference}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, false
	}
	if kind == "manifests" {
		req.Header.Set("Accept", acceptManifests)
	}
	resp, err := r.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return body, err == nil
}

// acceptManifests are the manifests of artifacts.
const acceptManifests = "application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.index.v1+json,application/vnd.docker.distribution.manifest.list.v2+json"

var attached = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\.[a-z]+)?$`)

// ImagesOf returns the images whose manifests were asked for, sorted: not those that others
// list, nor what is attached to others.
func ImagesOf(answers []capture.RegistryAnswer) []string {
	listed := map[string]bool{}
	for _, a := range answers {
		var m manifest
		if json.Unmarshal(a.Body, &m) != nil {
			continue
		}
		for _, one := range m.Manifests {
			listed[one.Digest.String()] = true
		}
	}
	found := map[string]bool{}
	for _, a := range answers {
		at, err := url.Parse(a.URL)
		if err != nil {
			continue
		}
		repository, reference, ok := strings.Cut(strings.TrimPrefix(at.Path, "/v2/"), "/manifests/")
		if !ok || listed[reference] || attached.MatchString(reference) {
			continue
		}
		separator := ":"
		if strings.HasPrefix(reference, "sha256:") {
			separator = "@"
		}
		found[at.Host+"/"+repository+separator+reference] = true
	}
	return slices.Sorted(maps.Keys(found))
}
