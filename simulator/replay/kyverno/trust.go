package kyverno

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/notaryproject/notation-core-go/signature"
	_ "github.com/notaryproject/notation-core-go/signature/cose" // its envelopes
	_ "github.com/notaryproject/notation-core-go/signature/jws"  // its envelopes
)

// trust is what the signatures that a policy asks for are verified by.
//
// Keys and certificates that a policy holds are at hand. Sigstore's transparency log and
// roots, keys in Secrets and in key management systems are not: such an attestor is read so
// that it asks for less (see [atHand]). Where a registry has no signature at all, that makes
// no difference; where it has one, the rule is undecided.
type trust struct {
	elsewhere bool // some attestor needs more than is at hand
	// looser says that attestors only ignore logs that they should not: what fails so, fails.
	looser bool
}

var (
	signatureTag = regexp.MustCompile(`sha256-[0-9a-f]{64}(\.(sig|att))?$`)
	errTrust     = errors.New(trustReason)
)

// trusted passes an answer on, and tells of a signature that cannot be verified.
func (r images) trusted(req *http.Request, found *http.Response) (*http.Response, error) {
	if found.StatusCode != http.StatusOK || req.Method != http.MethodGet {
		return found, nil
	}
	switch path := req.URL.Path; {
	case strings.Contains(path, "/blobs/"):
		return r.unrevoked(found)
	case r.trust.elsewhere && strings.Contains(path, "/manifests/") && signatureTag.MatchString(path), r.trust.elsewhere && strings.Contains(path, "/referrers/"):
		body, err := rest(found)
		if err != nil {
			return nil, err
		}
		if signed(body) {
			r.lost(trustReason, trustResolve)
			if !r.trust.looser {
				return nil, errTrust
			}
		}
	}
	return found, nil
}

// rest reads the body of an answer, and leaves it to be read again.
func rest(found *http.Response) ([]byte, error) {
	body, err := io.ReadAll(found.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of a registry: %w", err)
	}
	found.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// signed tells whether a manifest lists anything: signatures, or what refers to an image.
func signed(manifest []byte) bool {
	var list struct {
		Manifests, Layers []v1.Descriptor
	}
	return json.Unmarshal(manifest, &list) != nil || len(list.Manifests)+len(list.Layers) > 0
}

// unrevoked holds back Notary signatures whose certificates say where to ask whether they
// were revoked: their verifier would ask there.
func (r images) unrevoked(found *http.Response) (*http.Response, error) {
	body, err := rest(found)
	if err != nil {
		return nil, err
	}
	for _, form := range []string{"application/jose+json", "application/cose"} {
		envelope, err := signature.ParseEnvelope(form, body)
		if err != nil {
			continue
		}
		content, err := envelope.Content()
		if err != nil {
			continue
		}
		for _, c := range content.SignerInfo.CertificateChain {
			if len(c.OCSPServer)+len(c.CRLDistributionPoints) > 0 {
				r.lost("whether a signer's certificate was revoked is not in the capture", "rehearse this policy on a fleet")
				return nil, errors.New("whether a signer's certificate was revoked cannot be asked offline")
			}
		}
	}
	return found, nil
}
