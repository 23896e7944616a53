package kyverno

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// brings says why a test suite has no list of a resource: nobody knows its kind, or the suite
// describes no cluster and brings nothing of it. Whether there is none is then not known.
func (c client) brings(gvr schema.GroupVersionResource) error {
	m := c.req.env.mocks
	if m == nil {
		return nil
	}
	if all, err := c.req.look.list(gvr, ""); err != nil || len(all) > 0 {
		return nil // the list itself says
	}
	switch _, known := c.req.look.kindFor(gvr); {
	case !known:
		return fmt.Errorf("%s of %s: the suite brings no CustomResourceDefinition of them and no object: a cluster does not serve them", gvr.Resource, gvr.GroupVersion())
	case !m.Lookups:
		return fmt.Errorf("%s of %s: the suite brings none, and no clusterResources that say that there are none", gvr.Resource, gvr.GroupVersion())
	}
	return nil
}
