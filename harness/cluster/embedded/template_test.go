package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/harness/binaries"
)

func TestKeysOf(t *testing.T) {
	webhook := func(port string) []byte {
		return []byte("\x00url: https://127.0.0.1:" + port + "/validate\x00and https://127.0.0.1:" + port)
	}
	tpl := &template{Port: 21234, Keys: []pair{
		{"/configmaps/kyverno/kyverno", []byte("a note about 127.0.0.1:21234")},
		{"/mutatingwebhookconfigurations/kyverno", webhook("21234")},
		{"/validatingwebhookconfigurations/kyverno", webhook("21234")},
	}}
	for _, test := range []struct {
		reason string
		port   int
		want   []pair
	}{
		{"webhooks call the cluster's own Kyverno, and nothing else changes", 29999, []pair{
			{"/east/configmaps/kyverno/kyverno", []byte("a note about 127.0.0.1:21234")},
			{"/east/mutatingwebhookconfigurations/kyverno", webhook("29999")},
			{"/east/validatingwebhookconfigurations/kyverno", webhook("29999")},
		}},
		{"no webhooks where nobody would answer them", 0, []pair{
			{"/east/configmaps/kyverno/kyverno", []byte("a note about 127.0.0.1:21234")},
		}},
	} {
		if diff := cmp.Diff(test.want, tpl.keysOf("east", test.port)); diff != "" {
			t.Errorf("%s: %s", test.reason, diff)
		}
	}
	if diff := cmp.Diff(webhook("21234"), tpl.Keys[1].Value); diff != "" {
		t.Errorf("the template itself changed: %s", diff)
	}
}

func TestTransient(t *testing.T) {
	for key, want := range map[string]bool{
		"/leases/kyverno/kyverno-health":                             true,
		"/events/shop/web.1":                                         true,
		"/masterleases/127.0.0.1":                                    true,
		"/services/endpoints/default/kubernetes":                     true,
		"/endpointslices/default/kubernetes":                         true,
		"/configmaps/default/kube-root-ca.crt":                       true, // of another authority
		"/configmaps/kube-system/extension-apiserver-authentication": true,
		"/configmaps/kyverno/kyverno":                                false,
		"/services/specs/default/kubernetes":                         false,
		"/serviceaccounts/kube-system/deployment-controller":         false,
		"/secrets/kyverno/kyverno-svc.kyverno.svc.kyverno-tls-ca":    false,
		"/validatingwebhookconfigurations/kyverno":                   false,
	} {
		if got := isTransient(key); got != want {
			t.Errorf("%s: got %v", key, got)
		}
	}
}

func TestTemplateIsKeptForItsUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "templates", "one")
	want := &template{Made: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), Port: 21234,
		Keys: []pair{{"/configmaps/kyverno/kyverno", []byte{0, 1, 2, 255}}}}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readTemplate(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it holds keys: %v %v", info.Mode(), err)
	}
	if err := os.Truncate(path, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := readTemplate(path); err == nil {
		t.Error("a damaged template was read")
	}
}

func TestTemplatePath(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	bins := map[binaries.Name]string{}
	for _, n := range []binaries.Name{binaries.APIServer, binaries.ControllerManager, binaries.Kyverno, binaries.KyvernoInstall} {
		bins[n] = filepath.Join(dir, string(n))
		if err := os.WriteFile(bins[n], []byte(n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	version := "v1.36.3"
	path := func() string {
		t.Helper()
		p, err := templatePath(version, bins)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := path()
	if again := path(); again != first {
		t.Errorf("the same programs have two templates: %s, %s", first, again)
	}
	version = "v1.35.4"
	if other := path(); other == first {
		t.Error("clusters of another version would get the keys of this one")
	}
	version = "v1.36.3"
	for n, p := range bins {
		if err := os.WriteFile(p, []byte("another "+n), 0o755); err != nil {
			t.Fatal(err)
		}
		if changed := path(); changed == first {
			t.Errorf("another %s has the same template", n)
		} else {
			first = changed
		}
	}
	if err := os.Remove(bins[binaries.Kyverno]); err != nil {
		t.Fatal(err)
	}
	if _, err := templatePath(version, bins); err == nil || !strings.Contains(err.Error(), "kyverno") {
		t.Errorf("got %v", err)
	}
}
