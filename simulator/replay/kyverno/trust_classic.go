package kyverno

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"time"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// atHand reads a policy so that its attestors ask for nothing but the registry, and says
// what that leaves out.
func atHand(policy kyvernov1.PolicyInterface) (kyvernov1.PolicyInterface, trust) {
	read := policy.CreateDeepCopy()
	t := trust{looser: true}
	for i := range read.GetSpec().Rules {
		rule := &read.GetSpec().Rules[i]
		for j := range rule.VerifyImages {
			verify := *rule.VerifyImages[j].Convert()
			verify.Key = "" // it has become an attestor
			rule.VerifyImages[j] = verify
			if verify.Type != kyvernov1.Notary {
				t.verification(&rule.VerifyImages[j])
			}
		}
	}
	return read, t
}

func (t *trust) verification(verify *kyvernov1.ImageVerification) {
	bundles := verify.Type == kyvernov1.SigstoreBundle
	t.sets(verify.Attestors, verify.Roots, bundles)
	for i := range verify.Attestations {
		t.looser = false // what more signatures say may fail what fewer pass
		a := &verify.Attestations[i]
		if len(a.Attestors) == 0 { // any that Sigstore vouches for
			a.Attestors = []kyvernov1.AttestorSet{{Entries: []kyvernov1.Attestor{{Keyless: &kyvernov1.KeylessAttestor{}}}}}
		}
		t.sets(a.Attestors, verify.Roots, bundles)
	}
}

func (t *trust) sets(sets []kyvernov1.AttestorSet, roots string, bundles bool) {
	for i := range sets {
		for j := range sets[i].Entries {
			t.attestor(&sets[i].Entries[j], roots, bundles)
		}
	}
}

func (t *trust) attestor(a *kyvernov1.Attestor, roots string, bundles bool) {
	switch {
	case a.Attestor != nil:
		t.nested(a, roots, bundles)
	case a.Keys != nil:
		t.keys(a.Keys, bundles)
	case a.Certificates != nil:
		c := a.Certificates
		t.logs(&c.Rekor, &c.CTLog)
	case a.Keyless != nil && bundles:
		t.strange()
		a.Keys = &kyvernov1.StaticKeyAttestor{PublicKeys: stranger().key}
		a.Keyless = nil
		(&trust{}).keys(a.Keys, bundles)
	case a.Keyless != nil:
		if a.Keyless.Roots == "" && roots == "" {
			t.strange()
			a.Keyless.Roots = stranger().certificate
		}
		t.logs(&a.Keyless.Rekor, &a.Keyless.CTLog)
	}
}

// nested reads an attestor that is a set itself.
func (t *trust) nested(a *kyvernov1.Attestor, roots string, bundles bool) {
	set, err := kyvernov1.AttestorSetUnmarshal(a.Attestor)
	if err != nil {
		return // the engine says why
	}
	sets := []kyvernov1.AttestorSet{*set}
	t.sets(sets, roots, bundles)
	if raw, err := json.Marshal(sets[0]); err == nil {
		a.Attestor = &apiextensionsv1.JSON{Raw: raw}
	}
}

func (t *trust) keys(k *kyvernov1.StaticKeyAttestor, bundles bool) {
	inline := strings.Contains(k.PublicKeys, "-----BEGIN") || strings.Contains(k.PublicKeys, "{{")
	if k.PublicKeys != "" && !inline || k.PublicKeys == "" && (k.KMS != "" || k.Secret != nil) {
		t.strange()
		k.PublicKeys, k.KMS, k.Secret = stranger().key, "", nil
	}
	if bundles {
		t.logs(&k.Rekor, &k.CTLog)
		return
	}
	ignored := &kyvernov1.CTLog{IgnoreSCT: true} // it is of certificates; keys have none
	if k.CTLog != nil {
		ignored.TSACertChain = k.CTLog.TSACertChain
	}
	k.CTLog = ignored
	t.logs(&k.Rekor, &k.CTLog)
}

// logs has the logs ignored whose answers or keys are not at hand.
func (t *trust) logs(rekor **kyvernov1.Rekor, ct **kyvernov1.CTLog) {
	if *rekor == nil || !(*rekor).IgnoreTlog {
		t.elsewhere = true
		*rekor = &kyvernov1.Rekor{IgnoreTlog: true}
	}
	if *ct == nil || !(*ct).IgnoreSCT && (*ct).CTLogPubKey == "" {
		t.elsewhere = true
		read := kyvernov1.CTLog{}
		if *ct != nil {
			read = **ct
		}
		read.IgnoreSCT = true
		*ct = &read
	}
}

// strange notes that a key is not at hand and a stranger's stands for it.
func (t *trust) strange() { t.elsewhere, t.looser = true, false }

// unknownSigner has signed nothing.
type unknownSigner struct{ key, certificate string } // PEM

var stranger = sync.OnceValue(func() unknownSigner {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		panic(err) // of a key that was just made
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nobody"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		panic(err) // of a template that is the same each time
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return unknownSigner{block("PUBLIC KEY", public), block("CERTIFICATE", certificate)}
})
