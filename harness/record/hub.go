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
	"k8s.io/client-go/discovery"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/source"
)

// hubKinds are the resources of a hub that plans are made of: KubeFleet's own, policies,
// and what placements usually take along with them.
var hubKinds = []string{
	"*.placement.kubernetes-fleet.io", "*.cluster.kubernetes-fleet.io", "*.kyverno.io", "*.policies.kyverno.io", "*.admissionregistration.k8s.io",
	"namespaces", "configmaps", "serviceaccounts", "*.rbac.authorization.k8s.io", "customresourcedefinitions.apiextensions.k8s.io",
}

// Hub lists what a live hub places on its members. left says what was not read, and why:
// what RBAC forbids, and in a sentence what is never read.
func Hub(ctx context.Context, target Target, opt Options) (objects []policy.Object, left []string, err error) {
	if opt.PageSize <= 0 {
		opt.PageSize = DefaultPageSize
	}
	c := &recorder{target: target, opt: opt, live: source.NewLive(target.Name)}
	if c.client, err = newClient(target.REST, opt); err != nil {
		return nil, nil, err
	}
	if _, err := c.client.reach(ctx); err != nil {
		return nil, nil, err
	}
	groups, lists, err := c.served(ctx)
	var partly *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &partly):
		left = append(left, "some APIs are not available: "+err.Error())
	case err != nil:
		return nil, nil, err
	}
	for _, r := range preferred(groups, asStored(lists)) {
		if !r.in(hubKinds) || r.in(source.Noise) || !slices.Contains(r.Verbs, "list") {
			continue
		}
		found, err := c.all(ctx, r)
		if apierrors.IsForbidden(err) {
			left = append(left, r.String()+" is "+reason(err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", r, err)
		}
		objects = append(objects, found...)
	}
	slices.SortFunc(objects, func(a, b policy.Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return objects, append(left, "workloads, Secrets and other kinds that placements may take along are not read"), nil
}

// fleetStored is the version in which KubeFleet's kinds are stored and read by its
// controllers. Hubs prefer v1, through which fields are not seen that it lacks.
const fleetStored = "v1beta1"

// asStored leaves of KubeFleet's groups the versions out that its controllers do not read.
func asStored(lists []*metav1.APIResourceList) []*metav1.APIResourceList {
	stored := map[string]bool{}
	for _, l := range lists {
		group, version, _ := strings.Cut(l.GroupVersion, "/")
		stored[group] = stored[group] || strings.HasSuffix(group, ".kubernetes-fleet.io") && version == fleetStored
	}
	return slices.DeleteFunc(slices.Clone(lists), func(l *metav1.APIResourceList) bool {
		group, version, _ := strings.Cut(l.GroupVersion, "/")
		return stored[group] && version != fleetStored
	})
}

// all lists a resource to its end.
func (c *recorder) all(ctx context.Context, r resource) (out []policy.Object, err error) {
	q := query{path: r.path(""), pageSize: c.opt.PageSize}
	for from := ""; ; {
		p, err := c.client.page(ctx, q, from)
		if err != nil {
			return nil, err
		}
		for _, item := range p.Items {
			o, err := hubObject(r, item)
			if err != nil {
				return nil, err
			}
			out = append(out, o)
		}
		if from = p.Metadata.Continue; from == "" {
			return out, nil
		}
	}
}

func hubObject(r resource, item map[string]any) (policy.Object, error) {
	item["apiVersion"], item["kind"] = r.apiVersion(), r.Kind // lists leave them out
	meta, _ := item["metadata"].(map[string]any)
	delete(meta, "managedFields")
	content, err := json.Marshal(item)
	o := policy.Object{APIVersion: r.apiVersion(), Kind: r.Kind, JSON: content}
	o.Name, _ = meta["name"].(string)
	o.Namespace, _ = meta["namespace"].(string)
	return o, err
}
