package embedded

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/util/keyutil"
)

func TestPKI(t *testing.T) {
	fleet := t.TempDir()
	p, err := ensurePKI(fleet)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.CA) {
		t.Fatal("the authority's certificate cannot be read")
	}
	for _, test := range []struct {
		name, user string
		groups     []string
		usage      x509.ExtKeyUsage
		host       string
	}{
		{serverName, "kube-apiserver", nil, x509.ExtKeyUsageServerAuth, "127.0.0.1"},
		{adminName, "seatrial-admin", []string{"system:masters"}, x509.ExtKeyUsageClientAuth, ""},
		{kcmName, "system:kube-controller-manager", nil, x509.ExtKeyUsageClientAuth, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			pair, err := tls.LoadX509KeyPair(p.cert(test.name), p.key(test.name))
			if err != nil {
				t.Fatal(err)
			}
			leaf := pair.Leaf
			_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: test.host, KeyUsages: []x509.ExtKeyUsage{test.usage},
				CurrentTime: time.Now().Add(templateAge)})
			if err != nil {
				t.Error(err)
			}
			if leaf.Subject.CommonName != test.user {
				t.Errorf("user %s", leaf.Subject.CommonName)
			}
			if diff := cmp.Diff(test.groups, leaf.Subject.Organization); diff != "" {
				t.Error(diff)
			}
			if other := x509.ExtKeyUsageServerAuth + x509.ExtKeyUsageClientAuth - test.usage; leaf.ExtKeyUsage[0] == other || len(leaf.ExtKeyUsage) != 1 {
				t.Errorf("may be used for more than is needed: %v", leaf.ExtKeyUsage)
			}
		})
	}
	private, err := keyutil.PrivateKeyFromFile(p.file(saKey))
	if err != nil {
		t.Fatal(err)
	}
	public, err := keyutil.PublicKeysFromFile(p.file(saPub))
	if err != nil {
		t.Fatal(err)
	}
	if !private.(*ecdsa.PrivateKey).PublicKey.Equal(public[0]) {
		t.Error("the service accounts' keys are not a pair")
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestPKIIsMadeOnce(t *testing.T) {
	fleet := t.TempDir()
	first, err := ensurePKI(fleet)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ensurePKI(fleet)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.CA) != string(again.CA) {
		t.Error("made again")
	}
	if _, err := loadPKI(filepath.Join(fleet, "none")); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

// What an interrupted run leaves, which never wrote the authority, is made anew.
func TestPKIAfterAnInterruptedRun(t *testing.T) {
	fleet := t.TempDir()
	p, err := ensurePKI(fleet)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.cert(caName)); err != nil {
		t.Fatal(err)
	}
	if p, err = ensurePKI(fleet); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(p.cert(adminName), p.key(adminName))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.CA)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("the administrator is not of this authority: %v", err)
	}
}
