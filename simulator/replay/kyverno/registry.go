package kyverno

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
)

// offlineRegistry stands where Kyverno's image registry client would be. It knows no
// image, says so on the request, and has no way to reach a network.
type offlineRegistry struct{ req *request }

const registryResolve = "image signatures and metadata need the registry; rehearse this policy on a fleet, or judge it in a cluster"

func (r offlineRegistry) GetClient(context.Context, *kyvernov1.ImageRegistryCredentials, string, []string) (engineapi.RegistryClient, error) {
	return r, nil
}

func (r offlineRegistry) ForRef(_ context.Context, ref string) (*engineapi.ImageData, error) {
	return nil, r.miss(ref)
}

func (r offlineRegistry) FetchImageDescriptor(_ context.Context, ref string) (*gcrremote.Descriptor, error) {
	return nil, r.miss(ref)
}

func (r offlineRegistry) Options(context.Context) ([]gcrremote.Option, []name.Option, error) {
	return nil, nil, r.miss("")
}

func (r offlineRegistry) NameOptions() []name.Option { return nil }

func (r offlineRegistry) miss(image string) error {
	// The reason does not name the image, so that a report counts it once for all images.
	const reason = "the image registry cannot be reached offline"
	r.req.misses.add(reason, registryResolve)
	if image != "" {
		return fmt.Errorf("%s (%s)", reason, image)
	}
	return errors.New(reason)
}
