package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// brought are the ConfigMaps, Namespaces and definitions that come with a policy set: its policies
// find them in the cluster, as they are in the set.
func brought(set *policy.Set) []*capture.WorldObject {
	return beside(set, func(o policy.Object) bool {
		return o.APIVersion == "v1" && (o.Kind == "ConfigMap" || o.Kind == "Namespace") || isDefinition(o)
	})
}

// accompanied is the world with what comes with a policy set and decides whether a cluster takes
// its policies: roles and definitions.
func accompanied(w *capture.World, set *policy.Set) (*capture.World, error) {
	objects := append(rolesOf(set), beside(set, isDefinition)...)
	if len(objects) == 0 {
		return w, nil
	}
	return w.With(objects...)
}

// rolesOf are the roles and bindings that come with a policy set.
func rolesOf(set *policy.Set) []*capture.WorldObject {
	return beside(set, func(o policy.Object) bool { return strings.HasPrefix(o.APIVersion, rbacv1.GroupName+"/") })
}

// beside are objects of a set that are no policies, as objects of a world.
func beside(set *policy.Set, which func(policy.Object) bool) (objects []*capture.WorldObject) {
	for _, o := range set.Others {
		if !which(o) {
			continue
		}
		content := o.JSON
		if !isDefinition(o) && o.Kind != "Namespace" && !strings.HasPrefix(o.Kind, "Cluster") {
			content = inDefault(o)
		}
		objects = append(objects, &capture.WorldObject{Object: content, Origin: capture.Origin{File: o.File, Line: o.Line}})
	}
	return objects
}

func isDefinition(o policy.Object) bool { return o.Kind == "CustomResourceDefinition" }

// looks are what the policies of each program look things up in; ruled tells whether rights count.
func looks(of world, programs []*Program, ruled bool) ([]lookup, error) {
	all := make([]lookup, len(programs))
	for i, p := range programs {
		own := of
		if len(p.brought) > 0 {
			var err error
			if own.World, err = of.With(overlaid(of, p.brought)...); err != nil {
				return nil, fmt.Errorf("add what comes with the policies to the world: %w", err)
			}
		}
		if ruled && len(p.roles) > 0 {
			with, err := of.With(p.roles...)
			if err == nil {
				own.rights, err = rightsOf(with)
			}
			if err != nil {
				return nil, fmt.Errorf("add the roles that come with the policies to the world: %w", err)
			}
		}
		all[i] = own
	}
	return all, nil
}

// inDefault is an object in its namespace: default, where it does not say.
func inDefault(o policy.Object) json.RawMessage {
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal(o.JSON, &object.Object); err != nil || object.GetNamespace() != "" {
		return o.JSON // what is wrong with it, the world says
	}
	object.SetNamespace(cmp.Or(o.Namespace, metav1.NamespaceDefault))
	content, err := json.Marshal(object.Object)
	if err != nil {
		return o.JSON
	}
	return content
}
