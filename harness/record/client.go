package record

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// metadataOnly makes the API server answer with a table, whose columns are what kubectl shows, and
// with nothing of the objects but their metadata. No other answer is accepted: a server that
// cannot do it answers 406, and not with the objects.
const metadataOnly = "application/json;as=Table;g=meta.k8s.io;v=v1"

// client reads from one API server, gently.
type client struct {
	*discovery.DiscoveryClient
	requests int // of lists
}

func newClient(config *rest.Config, opt Options) (*client, error) {
	gentle := rest.CopyConfig(config)
	gentle.RateLimiter = nil
	gentle.QPS, gentle.Burst, gentle.Timeout = opt.QPS, opt.Burst, opt.Timeout
	if gentle.QPS <= 0 {
		gentle.QPS = DefaultQPS
	}
	if gentle.Burst <= 0 {
		gentle.Burst = DefaultBurst
	}
	if gentle.Timeout <= 0 {
		gentle.Timeout = DefaultTimeout
	}
	gentle.UserAgent = "seatrial-capture"
	gentle.WarningHandler = rest.NoWarnings{}
	d, err := discovery.NewDiscoveryClientForConfig(gentle)
	if err != nil {
		return nil, err
	}
	return &client{DiscoveryClient: d}, nil
}

// page is one answer to a list.
type page struct {
	Metadata metav1.ListMeta  `json:"metadata"`
	Items    []map[string]any `json:"items"`
}

func (p *page) fromList(content []byte) error { return json.Unmarshal(content, p) }

// query is one list.
type query struct {
	path     string
	fields   string // selector
	bare     bool   // metadata only
	pageSize int
}

// retries bounds what client-go does by itself about broken connections and busy servers.
const retries = 2

// page reads one page. A connection that breaks is tried again, and so is a busy server.
func (c *client) page(ctx context.Context, q query, from string) (*page, error) {
	var err error
	for attempt := range 3 {
		if err := pause(ctx, time.Duration(attempt)*time.Second); err != nil {
			return nil, err
		}
		var content []byte
		if content, err = c.get(ctx, q, from); err == nil {
			p := &page{}
			read := p.fromList
			if q.bare {
				read = p.fromTable
			}
			if err := read(content); err != nil {
				return nil, fmt.Errorf("the answer does not decode: %w", err)
			}
			return p, nil
		}
		if answered(err) && !apierrors.IsTooManyRequests(err) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

func (c *client) get(ctx context.Context, q query, from string) ([]byte, error) {
	c.requests++
	accept := "application/json"
	if q.bare {
		accept = metadataOnly
	}
	request := c.RESTClient().Get().MaxRetries(retries).AbsPath(q.path).SetHeader("Accept", accept).Param("limit", strconv.Itoa(q.pageSize))
	if q.bare {
		request = request.Param("includeObject", string(metav1.IncludeMetadata))
	}
	if from != "" {
		request = request.Param("continue", from)
	}
	if q.fields != "" {
		request = request.Param("fieldSelector", q.fields)
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// answered tells whether an error is an API server's answer, and not the lack of one.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

func expired(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code == http.StatusGone
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reach asks for the server's version, the one request that any user may send.
func (c *client) reach(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	content, err := c.RESTClient().Get().MaxRetries(retries).AbsPath("/version").Do(ctx).Raw()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case apierrors.IsUnauthorized(err):
		return "", fmt.Errorf("%w: %w", ErrUnauthorized, err)
	case apierrors.IsForbidden(err):
		return "", nil // an answer all the same
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(content, &version); err != nil || version.GitVersion == "" {
		return "", fmt.Errorf("%w: its answer is no Kubernetes version: is it an API server?", ErrUnreachable)
	}
	return version.GitVersion, nil
}
