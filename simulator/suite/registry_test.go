package suite

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/seatrial/seatrial/simulator/registry/registrytest"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// What Kyverno's suites expect of registries rests on them alone: every row that is an error
// without one comes as expected of a registry that holds what the suite is about, and none
// does of a registry that holds the opposite. So nothing of them could be decided without.
func TestSuitesOfRegistries(t *testing.T) {
	root := kyvernosSuites(t)
	signer := newSigner(t)
	dir := t.TempDir()
	for _, name := range []string{"registry", "test-image-validating-policy", "test/images"} {
		signer.resign(t, filepath.Join(root, name), filepath.Join(dir, name))
	}
	without := runAll(t, Options{At: at}, dir)
	as := runWith(t, signer.expected(t), dir)
	opposite := runWith(t, signer.opposite(t), dir)
	asked := 0
	for i, row := range without.Results {
		if row.Status != Errored {
			continue
		}
		asked++
		if got := as.Results[i]; got.Status != Passed {
			t.Errorf("%s %s %s: with what it is about: %s %s", row.Suite, row.Policy, row.Resource, got.Status, got.Reason+got.Message)
		}
		if got := opposite.Results[i]; got.Status == Passed || len(got.Got) == 0 || got.Got == "undecided" {
			t.Errorf("%s %s %s: with the opposite: %s %s", row.Suite, row.Policy, row.Resource, got.Got, got.Message)
		}
	}
	if asked != 16 {
		t.Errorf("%d rows ask a registry, want 16", asked)
	}
}

func runWith(t *testing.T, r *registrytest.Registry, dir string) *Report {
	t.Helper()
	runner := NewRunner(Options{At: at})
	runner.compiler = kyverno.NewCompiler(kyverno.Options{At: at, IgnoreConfiguration: true, EveryPolicy: true, Registry: r.AnyHost()})
	files, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	report, err := runner.RunAll(t.Context(), files, 1)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// signer signs in the place of those whose keys the suites' policies name.
type signer struct {
	sign   func(r *registrytest.Registry, digest v1.Hash)
	key    string // PEM
	notary *registrytest.Notary
}

const verified = "kyverno/test-verify-image"

func newSigner(t *testing.T) *signer {
	key, public := registrytest.Key(t)
	s := &signer{key: public, notary: registrytest.NewNotary(t, "")}
	s.sign = func(r *registrytest.Registry, digest v1.Hash) {
		r.Sign(verified, digest, key)
		r.Notarise(verified, digest, s.notary)
		sbom := r.Refer(verified, digest, "sbom/cyclone-dx", []byte(`{"bomFormat":"CycloneDX"}`), "application/json")
		r.Notarise(verified, sbom, s.notary)
	}
	return s
}

var pemBlock = regexp.MustCompile(`(?s)( *)-----BEGIN (PUBLIC KEY|CERTIFICATE)-----.*?-----END [A-Z ]+-----`)

// resign copies a folder with the signer's keys in its policies.
func (s *signer) resign(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		signed := pemBlock.ReplaceAllStringFunc(string(content), func(block string) string {
			own := s.key
			if strings.Contains(block, "CERTIFICATE") {
				own = s.notary.PEM
			}
			indent := pemBlock.FindStringSubmatch(block)[1]
			return indent + strings.ReplaceAll(strings.TrimSpace(own), "\n", "\n"+indent)
		})
		if err := os.Remove(path); err != nil { // the module's files are for reading only
			return err
		}
		return os.WriteFile(path, []byte(signed), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func config(user string, sources bool) map[string]any {
	c := map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{"User": user}, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{}}}
	if sources {
		c["moby.buildkit.buildinfo.v1"] = base64.StdEncoding.EncodeToString([]byte(`{"sources":[{"ref":"base"}]}`))
	}
	return c
}

// expected is a registry with the images that the suites are about.
func (s *signer) expected(t *testing.T) *registrytest.Registry {
	r := registrytest.Start(t)
	r.PushConfigured("kyverno/kyverno:v1.7.3", config("1000", true), true)
	r.PushConfigured("library/solr:latest", config("1000", false), true)
	r.PushConfigured("library/solr:6", config("1000", false), true)
	s.sign(r, r.PushConfigured(verified+":signed", config("", false), false))
	r.PushConfigured(verified+":unsigned", config("", false), false)
	return r
}

// opposite is a registry with other images of the same names, and without one.
func (s *signer) opposite(t *testing.T) *registrytest.Registry {
	r := registrytest.Start(t)
	r.PushConfigured("library/solr:latest", config("", false), false)
	r.PushConfigured("library/solr:6", config("", false), false)
	r.PushConfigured(verified+":signed", config("", false), true)
	s.sign(r, r.PushConfigured(verified+":unsigned", config("", false), false))
	return r
}
