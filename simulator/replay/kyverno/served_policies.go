package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// servedSince is the minor version of Kubernetes 1 from which on API servers serve admission
// policies, in v1. Other versions of them they serve only where they are told to.
var servedSince = map[string]uint{"ValidatingAdmissionPolicy": 30, "MutatingAdmissionPolicy": 36}

// unservedPolicy returns what an API server says against an object that it has no path for.
func unservedPolicy(w *capture.World, object policy.Object) error {
	group, written, _ := strings.Cut(object.APIVersion, "/")
	since, ok := servedSince[strings.TrimSuffix(object.Kind, "Binding")]
	if !ok || group != "admissionregistration.k8s.io" {
		return nil
	}
	if written != "v1" && lists(w, object.APIVersion) {
		return nil
	}
	server, err := version.ParseGeneric(cmp.Or(w.Cluster.ServerVersion, assumedVersion))
	if err != nil || written == "v1" && server.AtLeast(version.MajorMinor(1, since)) {
		return nil //nolint:nilerr // a version of its own kind: nobody knows what it serves
	}
	return fmt.Errorf("apiVersion %s of %s is not served by Kubernetes %d.%d unless it is told to; v1 is from 1.%d on", object.APIVersion, object.Kind, server.Major(), server.Minor(), since)
}

// lists tells whether the capture shows that its cluster serves a version of a group.
func lists(w *capture.World, groupVersion string) bool {
	lists := w.Objects(func(_, kind string) bool { return kind == capture.APIResourceList })
	return slices.ContainsFunc(lists, func(o *capture.WorldObject) bool {
		var served struct{ GroupVersion string }
		return json.Unmarshal(o.Object, &served) == nil && served.GroupVersion == groupVersion
	})
}

// served is a set without what the cluster does not take: versions of admission policies that it
// does not serve, objects of namespaces that it does not have.
func (p *Program) served(set *policy.Set, w *capture.World) *policy.Set {
	left := *set
	left.Objects = nil
	for _, object := range set.Objects {
		err := cmp.Or(unservedPolicy(w, object), homeless(world{World: w}, set, object))
		if err != nil {
			p.reject(object, err)
			continue
		}
		left.Objects = append(left.Objects, object)
	}
	return &left
}
