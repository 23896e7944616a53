// Package registrytest runs an image registry in the process of a test, on loopback, and
// puts images into it: unsigned, or signed as cosign signs with a key.
package registrytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// T is what the package needs of a test, of testing or of Ginkgo.
type T interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Registry is a registry that runs until its test ends.
type Registry struct {
	Host string // 127.0.0.1:PORT
	t    T
	stop func()
}

// Start starts a registry.
func Start(t T) *Registry {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return &Registry{Host: strings.TrimPrefix(server.URL, "http://"), t: t, stop: server.Close}
}

// Stop stops it before the test ends.
func (r *Registry) Stop() { r.stop() }

// Push puts a new image into the registry, as shop/web:1, and returns its digest.
func (r *Registry) Push(image string) v1.Hash {
	r.t.Helper()
	content, err := random.Image(256, 1)
	r.must(err)
	content, err = mutate.Config(content, v1.Config{Labels: map[string]string{"made-by": "registrytest"}})
	r.must(err)
	return r.push(image, content)
}

func (r *Registry) push(image string, content v1.Image) v1.Hash {
	r.t.Helper()
	ref, err := name.ParseReference(r.Host + "/" + image)
	r.must(err)
	r.must(remote.Write(ref, content))
	digest, err := content.Digest()
	r.must(err)
	return digest
}

// Sign signs the content of a digest in a repository as cosign does, with a tag beside it.
func (r *Registry) Sign(repository string, digest v1.Hash, key *ecdsa.PrivateKey) {
	r.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"critical": map[string]any{
			"identity": map[string]any{"docker-reference": r.Host + "/" + repository},
			"image":    map[string]any{"docker-manifest-digest": digest.String()},
			"type":     "cosign container image signature",
		},
		"optional": nil,
	})
	r.must(err)
	sum := sha256.Sum256(payload)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	r.must(err)
	signed, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer:       static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json"),
		Annotations: map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(signature)},
	})
	r.must(err)
	r.push(repository+":"+strings.ReplaceAll(digest.String(), ":", "-")+".sig", signed)
}

// Key makes a key to sign with, and returns its public part as PEM.
func Key(t T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (r *Registry) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
