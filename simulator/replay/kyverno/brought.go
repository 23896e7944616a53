package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// brought are the ConfigMaps that come with a policy set: its policies find them in the cluster,
// as they are in the set.
func brought(set *policy.Set) []policy.Object {
	var maps []policy.Object
	for _, o := range set.Others {
		if o.APIVersion == "v1" && o.Kind == "ConfigMap" {
			maps = append(maps, o)
		}
	}
	return maps
}

// looks are what the policies of each program look things up in.
func looks(of world, programs []*Program) ([]lookup, error) {
	all := make([]lookup, len(programs))
	for i, p := range programs {
		own := of
		if len(p.brought) > 0 {
			objects := make([]*capture.WorldObject, len(p.brought))
			for i, o := range p.brought {
				objects[i] = &capture.WorldObject{Cluster: of.Cluster.Name, Object: inDefault(o), Origin: capture.Origin{File: o.File, Line: o.Line}}
			}
			var err error
			if own.World, err = of.With(objects...); err != nil {
				return nil, fmt.Errorf("add what comes with the policies to the world: %w", err)
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
