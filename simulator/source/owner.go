package source

import (
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// owners finds root owners: the workload that people deploy, behind the ReplicaSets and
// Jobs that controllers make of it.
type owners struct {
	byUID  map[string]owned
	byName map[ownerName]owned
}

type ownerName struct{ namespace, kind, name string }

// owned is one object and its controller, if it has one.
type owned struct {
	self  capture.Owner
	owner *capture.Owner
	uid   string // of the owner
}

// maxChain bounds the walk, so that a cycle in bad input ends.
const maxChain = 8

func newOwners() *owners {
	return &owners{byUID: map[string]owned{}, byName: map[ownerName]owned{}}
}

// see remembers an object.
func (o *owners) see(object map[string]any, namespace string) {
	one := ownedOf(object)
	meta, _ := object["metadata"].(map[string]any)
	if uid, _ := meta["uid"].(string); uid != "" {
		o.byUID[uid] = one
	}
	o.byName[ownerName{namespace, one.self.Kind, one.self.Name}] = one
}

func ownedOf(object map[string]any) owned {
	meta, _ := object["metadata"].(map[string]any)
	one := owned{self: capture.Owner{APIVersion: text(object, "apiVersion"), Kind: text(object, "kind"), Name: text(meta, "name")}}
	references, _ := meta["ownerReferences"].([]any)
	for _, r := range references {
		reference, _ := r.(map[string]any)
		if controller, _ := reference["controller"].(bool); !controller && len(references) > 1 {
			continue
		}
		one.owner = &capture.Owner{APIVersion: text(reference, "apiVersion"), Kind: text(reference, "kind"), Name: text(reference, "name")}
		one.uid = text(reference, "uid")
		break
	}
	return one
}

// root returns the root owner of an object, nil when it is its own.
func (o *owners) root(object map[string]any, namespace string) *capture.Owner {
	one := ownedOf(object)
	root := one.owner
	for range maxChain {
		if one.owner == nil {
			break
		}
		root = one.owner
		next, ok := o.byUID[one.uid]
		if !ok || one.uid == "" {
			next, ok = o.byName[ownerName{namespace, root.Kind, root.Name}]
		}
		if !ok {
			return inferred(object, root)
		}
		one = next
	}
	return root
}

// inferred names the Deployment of a ReplicaSet that was not captured: the pod carries
// the hash that the ReplicaSet's name ends in.
func inferred(object map[string]any, root *capture.Owner) *capture.Owner {
	if root == nil || root.Kind != "ReplicaSet" {
		return root
	}
	meta, _ := object["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	hash := text(labels, "pod-template-hash")
	name, ok := strings.CutSuffix(root.Name, "-"+hash)
	if hash == "" || !ok || name == "" {
		return root
	}
	return &capture.Owner{APIVersion: "apps/v1", Kind: "Deployment", Name: name}
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
