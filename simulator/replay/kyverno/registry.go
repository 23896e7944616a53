package kyverno

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
)

// offlineRegistry stands where Kyverno makes its image registry clients. It makes none:
// nothing behind it can reach a network, and the request knows that an image was asked for.
type offlineRegistry struct{ req *request }

const (
	registryReason  = "the image registry cannot be reached offline"
	registryResolve = "image signatures and metadata need the registry; rehearse this policy on a fleet, or judge it in a cluster"
)

// GetClient makes a client that answers nothing. Rules that ask it nothing, such as those
// that only want a digest, are decided.
func (r offlineRegistry) GetClient(context.Context, *kyvernov1.ImageRegistryCredentials, string, []string) (engineapi.RegistryClient, error) {
	return r, nil
}

// ForRef knows no image.
func (r offlineRegistry) ForRef(_ context.Context, image string) (*engineapi.ImageData, error) {
	return nil, r.miss(image)
}

// FetchImageDescriptor knows no image.
func (r offlineRegistry) FetchImageDescriptor(_ context.Context, image string) (*gcrremote.Descriptor, error) {
	return nil, r.miss(image)
}

// Options are asked for before a signature is fetched, which is not done.
func (r offlineRegistry) Options(context.Context) ([]gcrremote.Option, []name.Option, error) {
	return nil, nil, r.miss("signatures")
}

// NameOptions has none.
func (offlineRegistry) NameOptions() []name.Option { return nil }

// miss records that a policy asked for an image. The reason does not name it, so that a
// report counts the reason once for all images; the error does.
func (r offlineRegistry) miss(image string) error {
	r.req.misses.add(registryReason, registryResolve)
	return fmt.Errorf("%s (%s)", registryReason, image)
}
