package registry

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" // of "test"

func recorded(t *testing.T) *Answers {
	t.Helper()
	a, err := New([]capture.RegistryAnswer{
		{URL: "http://registry.test/v2/shop/web/manifests/1", Status: 200, ContentType: "application/x", Digest: digest, Body: []byte("test")},
		{URL: "http://registry.test/v2/shop/gone/manifests/1", Status: 404, Body: []byte(`{"errors":[]}`)},
		{URL: "http://registry.test/v2/shop/secret/manifests/1", Failure: "denied"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t *testing.T, a *Answers, method, url string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body), nil
}

func TestWhatWasRecordedAnswers(t *testing.T) {
	for _, c := range []struct {
		reason, method, url string
		status              int
		body                string
	}{
		{"its own URL", "GET", "http://registry.test/v2/shop/web/manifests/1", 200, "test"},
		{"by another scheme", "GET", "https://registry.test/v2/shop/web/manifests/1", 200, "test"},
		{"the same content by its digest", "GET", "http://registry.test/v2/shop/web/manifests/" + digest, 200, "test"},
		{"only the header is asked for", "HEAD", "http://registry.test/v2/shop/web/manifests/1", 200, ""},
		{"a query does not matter: clients filter themselves", "GET", "http://registry.test/v2/shop/web/manifests/1?artifactType=x", 200, "test"},
		{"that nothing is there is an answer", "GET", "http://registry.test/v2/shop/gone/manifests/1", 404, `{"errors":[]}`},
		{"whether a registry is there", "GET", "http://registry.test/v2/", 200, ""},
	} {
		resp, body, err := get(t, recorded(t), c.method, c.url)
		if err != nil || resp.StatusCode != c.status || body != c.body {
			t.Errorf("%s: %v %q, want %d %q (%v)", c.reason, resp, body, c.status, c.body, err)
			continue
		}
		if c.status == 200 && c.body == "test" && resp.Header.Get("Docker-Content-Digest") != digest {
			t.Errorf("%s: the digest is not in the header", c.reason)
		}
	}
}

func TestWhatWasNotRecordedIsUnknown(t *testing.T) {
	for _, c := range []struct{ reason, url, want string }{
		{"nobody asked", "http://registry.test/v2/shop/web/manifests/2", ""},
		{"of another repository", "http://registry.test/v2/shop/other/manifests/" + digest, ""},
		{"of another registry", "http://elsewhere.test/v2/", ""},
		{"the registry did not let in who asked", "http://registry.test/v2/shop/secret/manifests/1", "denied"},
	} {
		_, _, err := get(t, recorded(t), "GET", c.url)
		var unknown *Unknown
		if !errors.As(err, &unknown) || unknown.Reason != c.want {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

func TestARecordedRegistryIsNotWrittenTo(t *testing.T) {
	if _, _, err := get(t, recorded(t), "PUT", "http://registry.test/v2/shop/web/manifests/1"); err == nil {
		t.Error("it was")
	}
}

func TestARegistryAnswersByTheSchemeOfItsAnswers(t *testing.T) {
	if _, _, err := get(t, recorded(t), "GET", "https://registry.test/v2/"); err == nil {
		t.Error("a registry without TLS answered with it")
	}
}
