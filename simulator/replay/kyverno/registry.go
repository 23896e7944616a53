package kyverno

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	gcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/adapters"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	"github.com/kyverno/sdk/extensions/registryclient"

	"github.com/seatrial/seatrial/simulator/registry"
)

// images stands where Kyverno makes its image registry clients: for one request, on what
// registries answered when the capture was made. Nothing behind it can reach a network, and
// the request knows what could not be answered.
type images struct {
	req   *request
	trust trust // in what the policy's signatures are to be verified by
}

var _ registryclient.Client = images{}

const (
	registryReason  = "the image registry cannot be reached offline"
	registryResolve = "image signatures and metadata need the registry; rehearse this policy on a fleet, or judge it in a cluster"
	registryRecord  = "record what the registry answers: seatrial capture images --capture FILE -o FILE --policies SET"
	trustReason     = "whether Sigstore's services vouch for a signature is not in the capture"
	trustResolve    = "rehearse this policy on a fleet that reaches them; keys at hand with the transparency log ignored are verified offline"
)

// GetClient makes the client of a rule.
func (r images) GetClient(context.Context, *kyvernov1.ImageRegistryCredentials, string, []string) (engineapi.RegistryClient, error) {
	return adapters.RegistryClient(r), nil
}

// FetchImageDescriptor returns the descriptor of an image.
func (r images) FetchImageDescriptor(ctx context.Context, image string) (*gcrremote.Descriptor, error) {
	if r.req.env.registry == nil {
		return nil, r.miss(image)
	}
	ref, err := name.ParseReference(image, r.NameOptions()...)
	if err != nil {
		return nil, fmt.Errorf("failed to parse image reference: %s, error: %w", image, err)
	}
	found, err := gcrremote.Get(ref, r.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch image reference: %s, error: %w", image, err)
	}
	return found, nil
}

// Options are what verifiers of signatures fetch with.
func (r images) Options(ctx context.Context) ([]gcrremote.Option, []name.Option, error) {
	if r.req.env.registry == nil {
		return nil, nil, r.miss("signatures")
	}
	return r.options(ctx), r.NameOptions(), nil
}

func (r images) options(ctx context.Context) []gcrremote.Option {
	return []gcrremote.Option{gcrremote.WithTransport(r), gcrremote.WithContext(ctx)}
}

// NameOptions lets a registry be asked without TLS: whether it was is in its answers.
func (images) NameOptions() []name.Option { return []name.Option{name.Insecure} }

// Keychain has no credentials.
func (images) Keychain() authn.Keychain { return authn.NewMultiKeychain() }

// miss records that a policy asked for an image. The reason does not name it, so that a
// report counts the reason once for all images; the error does.
func (r images) miss(image string) error {
	resolve := registryRecord
	if r.req.env.mocks != nil {
		resolve = registryResolve
	}
	r.req.misses.add(registryReason, resolve)
	return fmt.Errorf("%s (%s)", registryReason, image)
}

// verifying guards the misses of requests: signatures are verified several at a time.
var verifying sync.Mutex

// RoundTrip answers from what was recorded.
func (r images) RoundTrip(req *http.Request) (*http.Response, error) {
	found, err := r.req.env.registry.RoundTrip(req)
	var unknown *registry.Unknown
	switch {
	case errors.As(err, &unknown) && unknown.Reason != "":
		r.lost("the image registry's answer could not be recorded: "+unknown.Reason, registryRecord)
	case errors.As(err, &unknown):
		r.lost("what the image registry answers about an image was not recorded", registryRecord)
	case err == nil:
		return r.trusted(req, found)
	}
	return nil, err
}

func (r images) lost(reason, resolve string) {
	verifying.Lock()
	defer verifying.Unlock()
	r.req.misses.add(reason, resolve)
}
