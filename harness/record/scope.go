package record

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// kyvernoNamespace holds Kyverno's own ConfigMap, which says what it does not judge.
const kyvernoNamespace = "kyverno"

// scope is one list of a resource.
type scope struct {
	namespace string // empty: all, or a cluster-scoped resource
	fields    string // selector
	otherwise bool   // where this is forbidden, the namespaces are asked one by one
}

func (s scope) name(r resource) string {
	if s.namespace == "" {
		return r.String()
	}
	return r.String() + " in " + s.namespace
}

// scopes says which lists make up a resource. Policies and exceptions of every namespace
// count, whichever namespaces are asked for: an exception may stand in any.
func (c *recorder) scopes(r resource) []scope {
	switch {
	case len(c.opt.Namespaces) == 0 || !r.Namespaced:
		return []scope{{}}
	case r.isPolicy():
		return []scope{{otherwise: true}}
	}
	scopes := c.everyNamespace()
	if r.String() == "configmaps" && !slices.Contains(c.opt.Namespaces, kyvernoNamespace) {
		scopes = append(scopes, scope{namespace: kyvernoNamespace, fields: "metadata.name=kyverno"})
	}
	return scopes
}

func (c *recorder) everyNamespace() []scope {
	var scopes []scope
	for _, namespace := range c.opt.Namespaces {
		scopes = append(scopes, scope{namespace: namespace})
	}
	return scopes
}

// inScope tells whether an object is in the namespaces that are asked for.
func (c *recorder) inScope(r resource, namespace string, meta map[string]any) bool {
	if len(c.opt.Namespaces) == 0 {
		return true
	}
	if r.String() == "namespaces" {
		namespace, _ = meta["name"].(string)
	}
	return namespace == "" || slices.Contains(c.opt.Namespaces, namespace)
}

// read takes a list to its end, or nothing of it. A list whose snapshot expires on the way
// starts again, once.
func (c *recorder) read(ctx context.Context, r resource, s scope) error {
	q := query{path: r.path(s.namespace), fields: s.fields, bare: r.in(secrets), pageSize: c.opt.PageSize}
	before := c.live.Len()
	err := c.pages(ctx, r, q)
	if expired(err) {
		c.live.Truncate(before)
		err = c.pages(ctx, r, q)
	}
	if err != nil {
		c.live.Truncate(before)
	}
	return err
}

func (c *recorder) pages(ctx context.Context, r resource, q query) error {
	from := ""
	for {
		p, err := c.client.page(ctx, q, from)
		if err != nil {
			return err
		}
		if err := c.take(r, p.Items); err != nil {
			return err
		}
		if p.Metadata.Continue == "" {
			return nil
		}
		from = p.Metadata.Continue
	}
}

// reason says in a few words why a list failed.
func reason(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "forbidden: RBAC does not let this user list it"
	case apierrors.IsNotFound(err):
		return "not found: the API server announces it but does not serve it"
	case apierrors.IsServiceUnavailable(err):
		return "unavailable: the service behind this API does not answer"
	case expired(err):
		return "the list changed faster than it could be read: its snapshot expired twice"
	case apierrors.IsNotAcceptable(err):
		return "the API server cannot list its metadata alone"
	case !answered(err):
		return "no usable answer: " + err.Error()
	}
	var code int32
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code = status.Status().Code
	}
	return fmt.Sprintf("the API server answered %d %s: %s", code, http.StatusText(int(code)), strings.TrimSpace(err.Error()))
}

// noteMissing lists the kinds asked for that the cluster does not serve.
func (c *recorder) noteMissing(served []resource) {
	for _, name := range c.opt.Kinds {
		if slices.ContainsFunc(served, func(r resource) bool { return r.called(name) }) {
			c.sum.Served = append(c.sum.Served, name)
			continue
		}
		c.live.Skip(name, "the cluster serves no such kind")
	}
}

// checkKinds refuses a kind that no cluster serves: it is a slip.
func checkKinds(sums []Summary, kinds []string) error {
	for _, name := range kinds {
		if !slices.ContainsFunc(sums, func(s Summary) bool { return slices.Contains(s.Served, name) }) {
			return fmt.Errorf("%w: %s", ErrKind, name)
		}
	}
	return nil
}
