// Package record captures running clusters: it lists what an API server serves, page by
// page, and writes it as a capture. Start with [Fleet].
//
// It only ever lists. Values of Secrets never reach this process: the API server is asked
// for their metadata and types alone. What a cluster refuses (a kind that RBAC forbids, an
// aggregated API whose backend is down) is skipped and written into the capture with the
// reason; look-ups of it stay unknown. A cluster that does not answer at all is an error.
//
// Requests wait for one another and for a rate limit: a capture is in no hurry, and the
// clusters are production.
package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

// The defaults of [Options].
const (
	DefaultPageSize = 500
	DefaultQPS      = 20
	DefaultBurst    = 40
	DefaultTimeout  = 60 * time.Second
)

// atOnce bounds how many clusters are listed at the same time: each is held in memory
// until it is written.
const atOnce = 4

var (
	// ErrUnreachable says that a cluster does not answer.
	ErrUnreachable = errors.New("the cluster does not answer")
	// ErrUnauthorized says that a cluster does not accept the credentials.
	ErrUnauthorized = errors.New("the cluster does not accept the credentials")
	// ErrKind says that no cluster serves a kind that was asked for.
	ErrKind = errors.New("no such kind")
	// ErrTwice says that two targets have the same name.
	ErrTwice = errors.New("a cluster is given twice")
)

// A Target is a cluster to capture.
type Target struct {
	Name   string // in the capture
	Labels map[string]string
	REST   *rest.Config
}

// Options says what is captured, and how fast. The zero value captures everything.
type Options struct {
	Namespaces []string       // only objects in these; what policies look up cluster-wide is captured all the same
	Kinds      []string       // only these become requests: Deployment, pods, certificates.cert-manager.io
	PageSize   int            // objects of one answer
	QPS        float32        // requests a second, for each cluster
	Burst      int            // requests at once
	Timeout    time.Duration  // of one request
	Progress   func(Progress) // told after each resource, by several goroutines; may be nil
}

// Progress is how far the capture of a cluster is.
type Progress struct {
	Cluster  string
	Done     int // resources
	Total    int // resources
	Objects  int
	Resource string // the last one
}

// Summary says what was captured of a cluster.
type Summary struct {
	source.Summary
	Cluster       string
	ServerVersion string
	Resources     int      // listed to the end
	Requests      int      // lists sent
	Served        []string // of the kinds asked for
}

// Fleet captures the targets at the same time and writes them in the order given. After
// an error the writer holds part of them: abort it.
func Fleet(ctx context.Context, w *capture.Writer, targets []Target, opt Options) ([]Summary, error) {
	if err := check(targets); err != nil {
		return nil, err
	}
	found := make([]chan *recorder, len(targets))
	for i := range found {
		found[i] = make(chan *recorder, 1)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, atOnce)
	for i, target := range targets {
		group.Go(func() error {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-groupCtx.Done():
				return groupCtx.Err()
			}
			c, err := collect(groupCtx, target, opt)
			found[i] <- c
			return err
		})
	}
	var sums []Summary
	group.Go(func() error {
		var err error
		sums, err = write(groupCtx, w, found)
		return err
	})
	if err := group.Wait(); err != nil {
		return sums, err
	}
	return sums, checkKinds(sums, opt.Kinds)
}

func check(targets []Target) error {
	seen := map[string]bool{}
	for _, t := range targets {
		if seen[t.Name] {
			return fmt.Errorf("%w: %s", ErrTwice, t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// write waits for each cluster in turn.
func write(ctx context.Context, w *capture.Writer, found []chan *recorder) ([]Summary, error) {
	var sums []Summary
	for _, next := range found {
		select {
		case <-ctx.Done():
			return sums, ctx.Err()
		case c := <-next:
			if c == nil {
				return sums, nil // its own goroutine returns the error
			}
			sum, err := c.write(w)
			sums = append(sums, sum)
			if err != nil {
				return sums, err
			}
		}
	}
	return sums, nil
}
