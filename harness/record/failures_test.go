package record

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/capture"
)

func TestFailures(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	none := func(*http.Request) int { return 0 }
	one := Target{Name: "one", REST: server(t, none)}
	for _, test := range []struct {
		reason  string
		targets []Target
		opt     Options
		want    error
	}{
		{"nobody listens", []Target{one, {Name: "two", REST: &rest.Config{Host: down.URL}}}, Options{}, ErrUnreachable},
		{"no API server", []Target{{Name: "two", REST: server(t, func(*http.Request) int { return 404 })}}, Options{}, ErrUnreachable},
		{"credentials have expired", []Target{{Name: "two", REST: server(t, func(*http.Request) int { return 401 })}}, Options{}, ErrUnauthorized},
		{"credentials expire on the way", []Target{{Name: "two", REST: server(t, func(r *http.Request) int {
			if r.URL.Path == "/api/v1/secrets" {
				return 401
			}
			return 0
		})}}, Options{}, ErrUnauthorized},
		{"a slip in a kind", []Target{one}, Options{Kinds: []string{"pods", "Deploymnet"}}, ErrKind},
		{"a cluster twice", []Target{one, one}, Options{}, ErrTwice},
	} {
		t.Run(test.reason, func(t *testing.T) {
			if err := attempt(t, t.Context(), test.opt, test.targets...); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// TestBrokenConnections tells a kind that does not answer from a cluster that is gone.
func TestBrokenConnections(t *testing.T) {
	for _, test := range []struct {
		reason  string
		broken  string // path
		breaks  int
		goes    bool // the server, at the first break
		want    error
		skipped int
	}{
		{"a connection that breaks once", "/api/v1/pods", 1, false, nil, 0},
		{"a kind that never answers", "/api/v1/pods", 99, false, nil, 1},
		{"a server that dies on the way", "/api/v1/pods", 99, true, ErrUnreachable, 0},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			left, gone := test.breaks, false
			config := server(t, func(r *http.Request) int {
				if gone || left > 0 && r.URL.Path == test.broken {
					left--
					gone = test.goes
					panic(http.ErrAbortHandler)
				}
				return 0
			})
			if test.want != nil {
				if err := attempt(t, t.Context(), Options{}, Target{Name: "one", REST: config}); !errors.Is(err, test.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if _, sums := take(t, Options{}, Target{Name: "one", REST: config}); len(sums[0].Skipped) != test.skipped {
				t.Errorf("skipped %v", sums[0].Skipped)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config := server(t, func(r *http.Request) int {
		if r.URL.Path == "/api/v1/secrets" {
			cancel()
		}
		return 0
	})
	if err := attempt(t, ctx, Options{}, Target{Name: "one", REST: config}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// attempt captures, and checks that a failure leaves no file.
func attempt(t *testing.T, ctx context.Context, opt Options, targets ...Target) error {
	t.Helper()
	dir := t.TempDir()
	w, err := capture.NewWriter(filepath.Join(dir, "a.capture"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Fleet(ctx, w, targets, opt)
	w.Abort()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	return err
}
