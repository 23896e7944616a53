package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// RawAbsPath answers what policies ask the API server for by path: objects, their status, lists.
func (c client) RawAbsPath(_ context.Context, path, method string, data io.Reader) ([]byte, error) {
	if method != "" && method != http.MethodGet {
		return c.post(path, method, data)
	}
	u, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("API call %q: %w", path, err)
	}
	if u.Path == versionPath {
		return c.version(path)
	}
	at, err := parseAPIPath(u.Path)
	if err != nil {
		return nil, c.unknown("GET "+path, "only objects and lists of objects are captured")
	}
	if err := c.mayByPath("get", at); err != nil {
		return nil, err
	}
	switch {
	case at.name == "":
		return c.listByPath(path, at, u.Query())
	case at.subresource != "":
		if err := c.servesStatus(path, at); err != nil {
			return nil, err
		}
	}
	object, err := c.get(at.resource, at.namespace, at.name)
	if apierrors.IsNotFound(err) && c.req.env.mocks == nil {
		return nil, errNoResource("") // who asks by path is not told which object it is
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// servesStatus says why a subresource is not served as the object itself; a status is.
func (c client) servesStatus(path string, at apiPath) error {
	w, ok := c.req.look.(world)
	kind, known := c.req.look.kindFor(at.resource)
	if ok && known && at.subresource == "status" {
		served, known := admission.ServesStatus(w.World, capture.GVK(kind), capture.GVR(at.resource))
		switch {
		case served:
			return nil
		case known:
			return errUnserved()
		}
	}
	return c.unknown("GET "+path, "only objects, their status, and lists of objects are captured")
}

// listByPath answers with a list as it is written to who asks by path.
func (c client) listByPath(path string, at apiPath, query url.Values) ([]byte, error) {
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, errBadQuery()
	}
	chosen, err := c.byFields(path, at, query.Get("fieldSelector"))
	if err != nil {
		return nil, err
	}
	limit, err := strconv.ParseInt(query.Get("limit"), 10, 64)
	if err != nil && query.Get("limit") != "" {
		return nil, errBadQuery()
	}
	if query.Get("continue") != "" {
		return nil, c.unknown("GET "+path, "the tokens by which lists go on are drawn by the API server")
	}
	if err := c.brings(at.resource); err != nil {
		return nil, err
	}
	items, err := c.list(at.resource, at.namespace, selector)
	if err != nil {
		return nil, err
	}
	items = slices.DeleteFunc(items, func(item map[string]any) bool { return !chosen(item) })
	kind, _ := c.req.look.kindFor(at.resource)
	own := admission.Known(capture.GVK(kind))
	meta := map[string]any{"resourceVersion": drawnVersion}
	if !own {
		meta["continue"] = "" // a list of custom resources always has it
	}
	reads := c.readsOfLists()
	if reads.version {
		c.req.misses.add(listVersionMiss.reason, listVersionMiss.resolve)
	}
	if rest := int64(len(items)) - limit; limit > 0 && rest > 0 && c.req.env.mocks == nil {
		items, meta["continue"] = items[:limit], drawnContinue
		if selector.Empty() && query.Get("fieldSelector") == "" { // of what a selector leaves the API server does not know how many are left
			meta["remainingItemCount"] = rest
		}
		if reads.more {
			c.req.misses.add(listContinueMiss.reason, listContinueMiss.resolve)
		}
	}
	if own && c.req.env.mocks == nil {
		for _, item := range items { // in a list of its own kinds an API server leaves them out
			delete(item, "apiVersion")
			delete(item, "kind")
		}
	}
	return json.Marshal(map[string]any{
		"apiVersion": at.resource.GroupVersion().String(),
		"kind":       kind.Kind + "List",
		"metadata":   meta,
		"items":      items,
	})
}

// errBadQuery is what a client that asks by path makes of the API server's refusal of a query.
func errBadQuery() error {
	return apierrors.NewGenericServerResponse(http.StatusBadRequest, "get", schema.GroupResource{}, "", "unknown", 0, true)
}

// mayByPath is may in the words of a client that asks by path, which does not read the answer.
func (c client) mayByPath(verb string, at apiPath) error {
	if verb == "get" && at.name == "" {
		verb = "list"
	}
	resource := at.resource
	if at.subresource != "" {
		resource.Resource += "/" + at.subresource
	}
	err := c.may(verb, resource, at.namespace, at.name)
	if apierrors.IsForbidden(err) {
		return apierrors.NewGenericServerResponse(http.StatusForbidden, "get", schema.GroupResource{}, "", "unknown", 0, true)
	}
	return err
}

// post is what the user says that an API server answers.
func (c client) post(path, method string, data io.Reader) ([]byte, error) {
	var body []byte
	if data != nil {
		var err error
		if body, err = io.ReadAll(data); err != nil {
			return nil, fmt.Errorf("read the data of %s: %w", path, err)
		}
	}
	to, err := parseAPIPath(path)
	if err == nil {
		if err := c.mayByPath("create", to); err != nil {
			return nil, err
		}
	}
	answer, ok := c.req.env.answers.Find(method, path, body)
	switch {
	case !ok && err == nil && method == http.MethodPost && c.reviews(to):
		return c.review(to, body)
	case !ok:
		return nil, c.unknown(method+" "+path, postResolve)
	case answer.Failed():
		return nil, apierrors.NewGenericServerResponse(answer.Status, strings.ToLower(method), schema.GroupResource{}, "", string(answer.Text()), 0, true)
	}
	return answer.Text(), nil
}

const postResolve = "the answer of an API call other than GET cannot be captured: say it with --answers, or rehearse this policy on a fleet"

// apiPath is what a path of the API server addresses.
type apiPath struct {
	resource    schema.GroupVersionResource
	namespace   string
	name        string // empty: a list
	subresource string
}

// parseAPIPath splits /api/v1/… and /apis/GROUP/VERSION/… into what they address.
func parseAPIPath(path string) (at apiPath, err error) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		at.resource.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		at.resource.Group, at.resource.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return at, fmt.Errorf("%q addresses no resource", path)
	}
	ofNamespace := len(parts) == 3 && (parts[2] == "status" || parts[2] == "finalize")
	if parts[0] == "namespaces" && len(parts) >= 3 && !ofNamespace {
		at.namespace, parts = parts[1], parts[2:]
	}
	if len(parts) > 3 {
		return at, fmt.Errorf("%q addresses no subresource", path)
	}
	for i, into := range []*string{&at.resource.Resource, &at.name, &at.subresource} {
		if i < len(parts) {
			*into = parts[i]
		}
	}
	return at, nil
}
