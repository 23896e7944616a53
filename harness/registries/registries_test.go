package registries

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/registry"
	"github.com/seatrial/seatrial/simulator/registry/registrytest"
)

func asking(t *testing.T, opt Options) *Registries {
	t.Helper()
	if opt.Now == nil {
		opt.Now = func() time.Time { return time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC) }
	}
	if opt.Keychain == nil {
		opt.Keychain = authn.NewMultiKeychain()
	}
	r, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asked asks about images and returns the answers by the path below /v2/.
func asked(t *testing.T, r *Registries, images ...string) map[string]capture.RegistryAnswer {
	t.Helper()
	for _, image := range images {
		if err := r.Image(context.Background(), image); err != nil {
			t.Fatal(err)
		}
	}
	answers := map[string]capture.RegistryAnswer{}
	for _, a := range r.Take() {
		_, path, _ := strings.Cut(a.URL, "/v2/")
		answers[path] = a
	}
	return answers
}

func TestWhatIsAskedAboutAnImage(t *testing.T) {
	live := registrytest.Start(t)
	key, _ := registrytest.Key(t)
	digest := live.Push("shop/web:1")
	live.Sign("shop/web", digest, key)
	answers := asked(t, asking(t, Options{}), live.Host+"/shop/web:1", live.Host+"/shop/gone:1")
	attached := "shop/web/manifests/sha256-" + digest.Hex
	for path, status := range map[string]int{
		"shop/web/manifests/1":                  http.StatusOK,
		attached + ".sig":                       http.StatusOK,
		attached + ".att":                       http.StatusNotFound,
		"shop/web/referrers/" + digest.String(): http.StatusOK,
		"shop/gone/manifests/1":                 http.StatusNotFound,
	} {
		if a, ok := answers[path]; !ok || a.Status != status {
			t.Errorf("%s: status %d, want %d (asked: %t)", path, a.Status, status, ok)
		}
	}
	blobs := slices.DeleteFunc(keys(answers), func(path string) bool { return !strings.Contains(path, "/blobs/") })
	if len(blobs) != 3 { // the image's configuration; the signature's, and its payload
		t.Errorf("blobs %v, want 3", blobs)
	}
}

func keys(answers map[string]capture.RegistryAnswer) (all []string) {
	for path := range answers {
		all = append(all, path)
	}
	return all
}

func TestTheAnswersServeWhenTheRegistryIsGone(t *testing.T) {
	live := registrytest.Start(t)
	digest := live.Push("shop/web:1")
	r := asking(t, Options{})
	if err := r.Image(context.Background(), live.Host+"/shop/web:1"); err != nil {
		t.Fatal(err)
	}
	recorded, err := registry.New(r.Take())
	if err != nil {
		t.Fatal(err)
	}
	live.Stop()
	for _, image := range []string{"/shop/web:1", "/shop/web@" + digest.String()} {
		ref, err := name.ParseReference(live.Host+image, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		found, err := remote.Get(ref, remote.WithTransport(recorded))
		if err != nil || found.Digest != digest {
			t.Errorf("%s: %v, want %s", image, err, digest)
		}
		config, err := remote.Image(ref, remote.WithTransport(recorded))
		if err != nil {
			t.Fatal(err)
		}
		if file, err := config.ConfigFile(); err != nil || file.Config.Labels["made-by"] != "registrytest" {
			t.Errorf("%s: the configuration: %v", image, err)
		}
	}
}

func TestCredentialsAreUsedAndNotKept(t *testing.T) {
	behind := registrytest.Start(t)
	behind.Push("shop/web:1")
	var sent []string
	guard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, ok := req.BasicAuth()
		if !ok || user != "clerk" || password != "s3cret-word" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		sent = append(sent, req.URL.Path)
		if strings.Contains(req.URL.Path, "/blobs/") { // blobs live elsewhere
			http.Redirect(w, req, "http://"+behind.Host+req.URL.Path+"?token=t0ken", http.StatusTemporaryRedirect)
			return
		}
		req.URL.Scheme, req.URL.Host, req.RequestURI = "http", behind.Host, ""
		req.Header.Del("Authorization")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		if _, err := io.Copy(w, resp.Body); err != nil {
			t.Error(err)
		}
	}))
	defer guard.Close()
	host := strings.TrimPrefix(guard.URL, "http://")
	clerk := authn.FromConfig(authn.AuthConfig{Username: "clerk", Password: "s3cret-word"})
	answers := asked(t, asking(t, Options{Keychain: fixed{clerk}}), host+"/shop/web:1")
	if answers["shop/web/manifests/1"].Status != http.StatusOK || len(sent) == 0 {
		t.Fatalf("answers %v, sent %v", answers, sent)
	}
	content, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cret-word", "clerk", "t0ken", "Authorization"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("%s is in the answers", secret)
		}
	}
	refused := asked(t, asking(t, Options{}), host+"/shop/web:1")
	if a := refused["shop/web/manifests/1"]; a.Status != 0 || !strings.Contains(a.Failure, "401") {
		t.Errorf("without credentials: %+v", a)
	}
}

func TestWhatIsTooLargeOrUnreachableIsKeptAsSuch(t *testing.T) {
	large := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		_, _ = w.Write(make([]byte, maxManifest+1))
	}))
	defer large.Close()
	gone := registrytest.Start(t)
	gone.Stop()
	r := asking(t, Options{Timeout: 2 * time.Second})
	host := strings.TrimPrefix(large.URL, "http://")
	for image, want := range map[string]string{host + "/shop/web:1": "larger than 4 MiB", gone.Host + "/shop/web:1": "connection refused"} {
		answers := asked(t, r, image)
		a := answers["shop/web/manifests/1"]
		if a.Status != 0 || !strings.Contains(a.Failure, want) {
			t.Errorf("%s: %+v, want %q", image, a, want)
		}
	}
}

type fixed struct{ auth authn.Authenticator }

func (f fixed) Resolve(authn.Resource) (authn.Authenticator, error) { return f.auth, nil }
