package registrytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"
)

// Notary signs images as Notary does, by a certificate that its key has signed itself.
type Notary struct {
	signer signature.Signer
	PEM    string // the certificate
}

// NewNotary makes a signer. Its certificate says that its revocation is asked at crl; empty:
// nowhere.
func NewNotary(t T, crl string) *Notary {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop", Organization: []string{"Shop"}, Country: []string{"SE"}, Province: []string{"Skane"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true,
	}
	if crl != "" {
		template.CRLDistributionPoints = []string{crl}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	signer, err := signature.NewLocalSigner([]*x509.Certificate{cert}, key)
	must(err)
	return &Notary{signer, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// Notarise signs the content of a digest in a repository: the signature is an image of its
// own that refers to it.
func (r *Registry) Notarise(repository string, digest v1.Hash, by *Notary) {
	r.t.Helper()
	ref, err := name.NewDigest(r.Host + "/" + repository + "@" + digest.String())
	r.must(err)
	subject, err := remote.Head(ref)
	r.must(err)
	payload, err := json.Marshal(map[string]any{"targetArtifact": v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}})
	r.must(err)
	envelope, err := signature.NewEnvelope(jws.MediaTypeEnvelope)
	r.must(err)
	signed, err := envelope.Sign(&signature.SignRequest{
		Payload: signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: payload},
		Signer:  by.signer, SigningTime: time.Now(), SigningAgent: "registrytest", SigningScheme: signature.SigningSchemeX509,
	})
	r.must(err)
	r.Refer(repository, digest, "application/vnd.cncf.notary.signature", signed, jws.MediaTypeEnvelope)
}
