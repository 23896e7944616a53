package record

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

// discover learns what the cluster serves: every version goes into the world; each
// resource is listed in the preferred one.
func (c *recorder) discover(ctx context.Context) ([]resource, error) {
	groups, lists, err := c.served(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var partly *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &partly):
		for gv, reason := range partly.Groups {
			c.live.Skip(gv.String(), "the API is not available: "+reason.Error())
		}
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("discovery is forbidden: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	slices.SortFunc(lists, func(a, b *metav1.APIResourceList) int { return cmp.Compare(a.GroupVersion, b.GroupVersion) })
	for _, list := range lists {
		if err := c.addServed(list); err != nil {
			return nil, err
		}
	}
	return preferred(groups, lists), nil
}

// served asks for everything that is served. Discovery knows no context: an interrupted
// one is left behind.
func (c *recorder) served(ctx context.Context) ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	type answer struct {
		groups []*metav1.APIGroup
		lists  []*metav1.APIResourceList
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		groups, lists, err := discovery.ServerGroupsAndResources(c.client)
		done <- answer{groups, lists, err}
	}()
	select {
	case a := <-done:
		return a.groups, a.lists, a.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// addServed puts discovery's answer into the world, under the name of its API version.
func (c *recorder) addServed(list *metav1.APIResourceList) error {
	sorted := *list
	sorted.Kind, sorted.APIVersion = capture.APIResourceList, "v1"
	sorted.APIResources = slices.SortedFunc(slices.Values(list.APIResources), func(a, b metav1.APIResource) int { return cmp.Compare(a.Name, b.Name) })
	raw, err := json.Marshal(sorted)
	if err != nil {
		return err
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		return err
	}
	content["metadata"] = map[string]any{"name": list.GroupVersion}
	return c.live.Add(source.LiveObject{Content: content, Resource: capture.GVR{Version: "v1", Resource: "apiresourcelists"}, WorldOnly: true})
}

// preferred picks one version of each resource: the group's preferred one, or else the
// first in the server's order that has it. By group and name.
func preferred(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) []resource {
	order := map[schema.GroupVersion]int{}
	for _, g := range groups {
		for i, v := range g.Versions {
			order[schema.GroupVersion{Group: g.Name, Version: v.Version}] = i + 1
		}
		order[schema.GroupVersion{Group: g.Name, Version: g.PreferredVersion.Version}] = 0
	}
	best := map[schema.GroupResource]resource{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // no API server names a version so
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			r.Group, r.Version = gv.Group, gv.Version
			key := schema.GroupResource{Group: gv.Group, Resource: r.Name}
			if other, ok := best[key]; !ok || order[gv] < order[schema.GroupVersion{Group: other.Group, Version: other.Version}] {
				best[key] = resource{r}
			}
		}
	}
	var found []resource
	for _, r := range best {
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b resource) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name)) })
	return found
}
