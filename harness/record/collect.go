package record

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

// recorder is one cluster while it is captured.
type recorder struct {
	target Target
	opt    Options
	client *client
	live   *source.Live
	listed []capture.Listed
	named  []capture.Listed // Secrets: every one, without its values
	sum    Summary
}

// collect lists a cluster. It is nil after an error.
func collect(ctx context.Context, target Target, opt Options) (*recorder, error) {
	if opt.PageSize <= 0 {
		opt.PageSize = DefaultPageSize
	}
	c := &recorder{target: target, opt: opt, live: source.NewLive(target.Name)}
	c.sum.Cluster = target.Name
	if err := c.run(ctx); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", target.Name, err)
	}
	return c, nil
}

func (c *recorder) run(ctx context.Context) error {
	var err error
	if c.client, err = newClient(c.target.REST, c.opt); err != nil {
		return err
	}
	if c.sum.ServerVersion, err = c.client.reach(ctx); err != nil {
		return err
	}
	served, err := c.discover(ctx)
	if err != nil {
		return err
	}
	c.noteMissing(served)
	wanted := slices.DeleteFunc(served, func(r resource) bool { return c.opt.roleOf(r) == leaveOut })
	for i, r := range wanted {
		if err := c.list(ctx, r); err != nil {
			return err
		}
		if c.opt.Progress != nil {
			c.opt.Progress(Progress{Cluster: c.target.Name, Done: i + 1, Total: len(wanted), Objects: c.live.Len(), Resource: r.String()})
		}
	}
	return nil
}

// list reads a resource in every scope that is asked for, and notes where it was read to
// the end.
func (c *recorder) list(ctx context.Context, r resource) error {
	scopes := c.scopes(r)
	var whole []string
	for i := 0; i < len(scopes); i++ {
		err := c.read(ctx, r, scopes[i])
		switch {
		case err == nil && scopes[i].fields == "":
			whole = append(whole, scopes[i].namespace)
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case apierrors.IsUnauthorized(err):
			return fmt.Errorf("%w: %w", ErrUnauthorized, err)
		case apierrors.IsForbidden(err) && scopes[i].otherwise:
			scopes = append(scopes, c.everyNamespace()...)
		default:
			if !answered(err) {
				if _, gone := c.client.reach(ctx); gone != nil {
					return fmt.Errorf("while listing %s: %w", r, gone)
				}
			}
			c.live.Skip(scopes[i].name(r), reason(err))
		}
	}
	c.note(r, whole)
	return nil
}

// note says which look-ups of the resource the capture can answer.
func (c *recorder) note(r resource, whole []string) {
	if len(whole) == 0 {
		return
	}
	l := capture.Listed{Group: r.Group, Resource: r.Name}
	if !slices.Contains(whole, "") {
		l.Namespaces = whole
	}
	if r.in(secrets) {
		c.named = append(c.named, l)
		return
	}
	c.sum.Resources++
	c.listed = append(c.listed, l)
}

// take hands objects to the capture.
func (c *recorder) take(r resource, items []map[string]any) error {
	for _, item := range items {
		item["apiVersion"], item["kind"] = r.apiVersion(), r.Kind // lists leave them out
		meta, _ := item["metadata"].(map[string]any)
		namespace, _ := meta["namespace"].(string)
		in := source.LiveObject{
			Content: item, Resource: capture.GVR{Group: r.Group, Version: r.Version, Resource: r.Name},
			MetadataOnly: r.in(secrets),
			WorldOnly:    c.opt.roleOf(r) == lookUp || !c.inScope(r, namespace, meta),
		}
		if err := c.live.Add(in); err != nil {
			return err
		}
	}
	return nil
}

func (c *recorder) write(w *capture.Writer) (Summary, error) {
	counted, err := c.live.Write(w, capture.Cluster{Labels: c.target.Labels, ServerVersion: c.sum.ServerVersion, Listed: c.listed, Named: c.named})
	c.sum.Summary, c.sum.Requests = counted, c.client.requests
	return c.sum, err
}
