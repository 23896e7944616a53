package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Answers are recorded answers of registries. They are safe for concurrent use.
type Answers struct {
	mu       sync.RWMutex
	byPath   map[string]*capture.RegistryAnswer // host/v2/…
	byDigest map[string]*capture.RegistryAnswer // host/v2/REPOSITORY@DIGEST
	schemes  map[string]string                  // of hosts
}

// Unknown says that an answer was not recorded.
type Unknown struct {
	URL    string
	Reason string // why not; empty when nobody asked
}

func (u *Unknown) Error() string {
	if u.Reason == "" {
		return fmt.Sprintf("what the image registry answers to %s was not recorded", u.URL)
	}
	return fmt.Sprintf("what the image registry answers to %s could not be recorded: %s", u.URL, u.Reason)
}

// New returns the recorded answers.
func New(recorded []capture.RegistryAnswer) (*Answers, error) {
	a := &Answers{byPath: map[string]*capture.RegistryAnswer{}, byDigest: map[string]*capture.RegistryAnswer{}, schemes: map[string]string{}}
	for _, one := range recorded {
		if err := a.Keep(one); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Keep adds an answer. It takes the place of an earlier one to the same URL.
func (a *Answers) Keep(one capture.RegistryAnswer) error {
	at, err := url.Parse(one.URL)
	if err != nil {
		return fmt.Errorf("the answer of an image registry: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byPath[at.Host+at.Path] = &one
	if one.Status != 0 || a.schemes[at.Host] == "" {
		a.schemes[at.Host] = at.Scheme
	}
	if repository, ok := repositoryOf(at.Path); ok && one.Status == http.StatusOK && one.Digest != "" {
		a.byDigest[at.Host+repository+"@"+one.Digest] = &one
	}
	return nil
}

// Find returns the answer to a URL: its own, or one with the content that it names by
// digest. nil when there is none.
func (a *Answers) Find(at *url.URL) *capture.RegistryAnswer {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if found := a.byPath[at.Host+at.Path]; found != nil {
		return found
	}
	repository, ok := repositoryOf(at.Path)
	_, reference, digested := strings.Cut(at.Path, "sha256:")
	if !ok || !digested {
		return nil
	}
	return a.byDigest[at.Host+repository+"@sha256:"+reference]
}

// repositoryOf is the part of a path before the kind of what it addresses.
func repositoryOf(path string) (string, bool) {
	for _, kind := range []string{"/manifests/", "/blobs/"} {
		if at := strings.LastIndex(path, kind); at > 0 {
			return path[:at], true
		}
	}
	return "", false
}

// RoundTrip answers a request from what was recorded.
func (a *Answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return nil, fmt.Errorf("%s %s: a recorded registry is only read", req.Method, req.URL.Redacted())
	}
	if req.URL.Path == "/v2/" {
		return a.ping(req)
	}
	found := a.Find(req.URL)
	switch {
	case found == nil:
		return nil, &Unknown{URL: plain(req.URL)}
	case found.Status == 0:
		return nil, &Unknown{URL: plain(req.URL), Reason: found.Failure}
	}
	return answer(req, found), nil
}

// ping answers the question whether a registry is there, and by which scheme.
func (a *Answers) ping(req *http.Request) (*http.Response, error) {
	a.mu.RLock()
	scheme := a.schemes[req.URL.Host]
	a.mu.RUnlock()
	switch scheme {
	case "":
		return nil, &Unknown{URL: plain(req.URL)}
	case req.URL.Scheme:
		return answer(req, &capture.RegistryAnswer{Status: http.StatusOK, ContentType: "application/json"}), nil
	default:
		return nil, fmt.Errorf("the registry at %s answers %s", req.URL.Host, scheme)
	}
}

func answer(req *http.Request, a *capture.RegistryAnswer) *http.Response {
	header := http.Header{}
	if a.ContentType != "" {
		header.Set("Content-Type", a.ContentType)
	}
	if a.Digest != "" && a.Status == http.StatusOK {
		header.Set("Docker-Content-Digest", a.Digest)
	}
	header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	body := a.Body
	if req.Method == http.MethodHead {
		body = nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), StatusCode: a.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, ContentLength: int64(len(a.Body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}
}

// plain is a URL without its query, which may hold what is secret.
func plain(at *url.URL) string {
	return at.Scheme + "://" + at.Host + at.Path
}
