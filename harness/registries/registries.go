package registries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/registry"
)

// The bounds of what is kept of one answer, in bytes. Kyverno reads no larger signatures or
// attestations.
const (
	maxManifest = 4 << 20
	maxBlob     = 10 << 20
)

// DefaultTimeout is the default patience with one request.
const DefaultTimeout = 30 * time.Second

// Options says how registries are asked.
type Options struct {
	Insecure []string          // hosts that may be asked without TLS
	Timeout  time.Duration     // of one request
	Base     http.RoundTripper // nil: Go's own
	Keychain authn.Keychain    // nil: the Docker configuration
	Now      func() time.Time
}

// Registries asks registries, each URL once, and keeps the answers. It is safe for
// concurrent use.
type Registries struct {
	opt     Options
	answers *registry.Answers
	mu      sync.Mutex
	doors   map[string]*door // by repository
	touched map[string]capture.RegistryAnswer
}

// door is how a repository is entered: authenticated, once.
type door struct {
	once   sync.Once
	scheme string
	in     http.RoundTripper
	err    error
}

// New returns one that has asked nothing yet.
func New(opt Options) (*Registries, error) {
	if opt.Base == nil {
		opt.Base = remote.DefaultTransport
	}
	if opt.Keychain == nil {
		opt.Keychain = authn.DefaultKeychain
	}
	opt.Timeout = cmp.Or(opt.Timeout, DefaultTimeout)
	answers, err := registry.New(nil)
	return &Registries{opt: opt, answers: answers, doors: map[string]*door{}, touched: map[string]capture.RegistryAnswer{}}, err
}

// Take returns the answers that were asked for since the last call, by URL.
func (r *Registries) Take() []capture.RegistryAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []capture.RegistryAnswer
	for _, a := range r.touched {
		all = append(all, a)
	}
	clear(r.touched)
	slices.SortFunc(all, func(a, b capture.RegistryAnswer) int { return strings.Compare(a.URL, b.URL) })
	return all
}

// RoundTrip answers a request from what is kept, and asks the registry before where that is
// nothing. So it says what a replay of the answers will say.
func (r *Registries) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := r.ask(req); err != nil {
		return nil, err
	}
	return r.answers.RoundTrip(req)
}

// ask has the answer to a request kept.
func (r *Registries) ask(req *http.Request) error {
	repository, ok := repositoryOf(req.URL.Path)
	if !ok {
		return r.askScheme(req)
	}
	found := r.answers.Find(req.URL)
	if found == nil {
		answer := r.fetch(req, repository)
		if err := req.Context().Err(); err != nil {
			return err
		}
		if err := r.answers.Keep(answer); err != nil {
			return err
		}
		found = &answer
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.touched[found.URL] = *found
	return nil
}

// repositoryOf is the repository that a path of the distribution API is about.
func repositoryOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", false
	}
	for _, kind := range []string{"/manifests/", "/blobs/", "/referrers/"} {
		if at := strings.LastIndex(rest, kind); at > 0 {
			return rest[:at], true
		}
	}
	return "", false
}

// askScheme answers a client that asks whether a registry is there. Whether it lets anyone
// in is a matter of each repository.
func (r *Registries) askScheme(req *http.Request) error {
	registry, err := r.registry(req.URL.Host)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(req.Context(), r.opt.Timeout)
	defer cancel()
	scheme := registry.Scheme()
	if challenge, err := transport.Ping(ctx, registry, r.opt.Base); err == nil {
		scheme = schemeOf(challenge)
	}
	return r.answers.Keep(capture.RegistryAnswer{URL: scheme + "://" + req.URL.Host + "/v2/", Status: http.StatusOK})
}

func schemeOf(c *transport.Challenge) string {
	if c.Insecure {
		return "http"
	}
	return "https"
}

func (r *Registries) registry(host string) (name.Registry, error) {
	var options []name.Option
	if slices.Contains(r.opt.Insecure, host) {
		options = append(options, name.Insecure)
	}
	return name.NewRegistry(host, options...)
}

// enter authenticates for a repository.
func (r *Registries) enter(ctx context.Context, host, repository string) *door {
	r.mu.Lock()
	d := r.doors[host+"/"+repository]
	if d == nil {
		d = &door{}
		r.doors[host+"/"+repository] = d
	}
	r.mu.Unlock()
	d.once.Do(func() { d.scheme, d.in, d.err = r.open(ctx, host, repository) })
	return d
}

func (r *Registries) open(ctx context.Context, host, repository string) (string, http.RoundTripper, error) {
	registry, err := r.registry(host)
	if err != nil {
		return "", nil, err
	}
	challenge, err := transport.Ping(ctx, registry, r.opt.Base)
	if err != nil {
		return "", nil, err
	}
	scheme, repo := schemeOf(challenge), registry.Repo(strings.Split(repository, "/")...)
	auth, err := authn.Resolve(ctx, r.opt.Keychain, repo)
	if err != nil {
		return scheme, nil, err
	}
	in, err := transport.NewWithContext(ctx, registry, auth, r.opt.Base, []string{repo.Scope(transport.PullScope)})
	return scheme, in, err
}

// fetch asks a registry with a GET. What goes wrong is in the answer.
func (r *Registries) fetch(req *http.Request, repository string) capture.RegistryAnswer {
	ctx, cancel := context.WithTimeout(req.Context(), r.opt.Timeout)
	defer cancel()
	d := r.enter(ctx, req.URL.Host, repository)
	answer := capture.RegistryAnswer{
		URL: cmp.Or(d.scheme, req.URL.Scheme) + "://" + req.URL.Host + req.URL.Path, Fetched: r.opt.Now().UTC().Truncate(time.Second),
	}
	err := d.err
	if err == nil {
		err = r.read(ctx, d, req.Header.Values("Accept"), &answer)
	}
	if err != nil {
		answer.Failure = reasonOf(err)
	}
	return answer
}

// read sends the request and keeps what a replay needs of the response. The client follows
// redirects: blobs live elsewhere, at addresses that hold tokens.
func (r *Registries) read(ctx context.Context, d *door, accept []string, answer *capture.RegistryAnswer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, answer.URL, nil)
	if err != nil {
		return err
	}
	for _, value := range accept {
		req.Header.Add("Accept", value)
	}
	resp, err := (&http.Client{Transport: d.in}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	status := resp.StatusCode
	if strings.Contains(req.URL.Path, "/referrers/") && (status == http.StatusBadRequest || status == http.StatusNotAcceptable) {
		status = http.StatusNotFound // the registry does not know the question
	}
	if status != http.StatusOK && status != http.StatusNotFound {
		return fmt.Errorf("HTTP status %s", resp.Status)
	}
	limit := int64(maxManifest)
	if strings.Contains(req.URL.Path, "/blobs/") {
		limit = maxBlob
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(body)) > limit:
		return fmt.Errorf("larger than %d MiB", limit>>20)
	}
	sum := sha256.Sum256(body)
	answer.Status, answer.ContentType, answer.Body = status, resp.Header.Get("Content-Type"), body
	answer.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return nil
}

// reasonOf is an error without the URLs that it may quote, which may hold tokens.
func reasonOf(err error) string {
	var refused *transport.Error
	if errors.As(err, &refused) {
		if len(refused.Errors) == 0 {
			return fmt.Sprintf("HTTP status %d %s", refused.StatusCode, http.StatusText(refused.StatusCode))
		}
		return strings.ToLower(string(refused.Errors[0].Code)) + ": " + refused.Errors[0].Message
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
