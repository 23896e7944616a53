package kyverno

import (
	"context"
	"errors"
	"fmt"

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

func (r offlineRegistry) GetClient(context.Context, *kyvernov1.ImageRegistryCredentials, string, []string) (engineapi.RegistryClient, error) {
	r.req.misses.add(registryReason, registryResolve)
	return nil, errors.New(registryReason)
}

// miss records that a policy asked for an image. The reason does not name it, so that a
// report counts the reason once for all images; the error does.
func (r offlineRegistry) miss(image string) error {
	r.req.misses.add(registryReason, registryResolve)
	return fmt.Errorf("%s (%s)", registryReason, image)
}
