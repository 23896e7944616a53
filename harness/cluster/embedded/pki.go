package embedded

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/keyutil"

	"github.com/seatrial/seatrial/harness/cluster/process"
)

// pki is the fleet's certificates. They are made once for a fleet: its API
// servers all listen on the loopback address, so that one certificate serves
// them all, and one administrator may use every one of them.
type pki struct {
	dir string // where the files are
	CA  []byte
}

// The files: a certificate and a key each, but for the service accounts' keys.
const (
	caName     = "ca"
	serverName = "apiserver"
	adminName  = "admin"
	kcmName    = "controller-manager"
	saKey      = "service-account.key"
	saPub      = "service-account.pub"
)

func (p pki) cert(name string) string { return filepath.Join(p.dir, name+".crt") }
func (p pki) key(name string) string  { return filepath.Join(p.dir, name+".key") }
func (p pki) file(name string) string { return filepath.Join(p.dir, name) }

func loadPKI(fleet string) (pki, error) {
	p := pki{dir: filepath.Join(fleet, "pki")}
	var err error
	p.CA, err = os.ReadFile(p.cert(caName))
	return p, err
}

// ensurePKI loads the fleet's certificates, or makes them.
func ensurePKI(fleet string) (pki, error) {
	p, err := loadPKI(fleet)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return p, err
	}
	if err := p.make(); err != nil {
		return p, fmt.Errorf("certificates: %w", err)
	}
	return loadPKI(fleet)
}

func (p pki) make() error {
	sa, err := newKey()
	if err != nil {
		return err
	}
	if err := writeKey(p.file(saKey), sa); err != nil {
		return err
	}
	pub, err := x509.MarshalPKIXPublicKey(sa.Public())
	if err != nil {
		return err
	}
	if err := process.WriteFile(p.file(saPub), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})); err != nil {
		return err
	}
	caKey, err := newKey()
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "seatrial"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, leaf := range []struct {
		name string
		cert x509.Certificate
	}{
		{serverName, x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}},
		{adminName, client("seatrial-admin", "system:masters")},
		{kcmName, client("system:kube-controller-manager", "")},
	} {
		key, err := newKey()
		if err != nil {
			return err
		}
		if err := p.sign(leaf.name, &leaf.cert, ca, key, caKey); err != nil {
			return err
		}
	}
	return p.sign(caName, ca, ca, caKey, caKey) // last: its file says that all are there
}

func client(user, group string) x509.Certificate {
	name := pkix.Name{CommonName: user}
	if group != "" {
		name.Organization = []string{group}
	}
	return x509.Certificate{Subject: name, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// sign writes a certificate, valid for a year from an hour ago, and its key.
func (p pki) sign(name string, cert, ca *x509.Certificate, key, caKey crypto.Signer) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	now := time.Now()
	cert.SerialNumber, cert.NotBefore, cert.NotAfter = serial, now.Add(-time.Hour), now.AddDate(1, 0, 0)
	if cert.KeyUsage == 0 {
		cert.KeyUsage = x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca, key.Public(), caKey)
	if err != nil {
		return err
	}
	if err := writeKey(p.key(name), key); err != nil {
		return err
	}
	return process.WriteFile(p.cert(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func writeKey(path string, key crypto.Signer) error {
	data, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return process.WriteFile(path, data)
}
