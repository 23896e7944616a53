package kyverno

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/anchor"
	"sigs.k8s.io/yaml"
)

// Where it is not known what a mutation makes of an object, it may still be known where it writes.
// Policies that read nothing there say what they would say.

// write is a place in an object that a mutation may write, from the object's root: a label, an
// annotation or the images of containers. [anyField] stands for the items of a list. Of no other
// place is it told who reads it, for an API server makes more of many.
type write []string

func (w write) key() string { return w[len(w)-1] }

// holder is the field that the place is in: labels, annotations, or the item of a list.
func (w write) holder() string { return w[len(w)-2] }

var containerLists = map[string]bool{"containers": true, "initContainers": true, "ephemeralContainers": true}

// plain tells of the places that are told of.
func (w write) plain() bool {
	n := len(w)
	switch {
	case n < 3 || strings.Contains(w.key(), "{{"):
		return false
	case w.key() == "image" && w.holder() == anyField:
		return containerLists[w[n-3]]
	case w.holder() == "labels":
		return n == 3 && w[0] == "metadata"
	}
	return w.holder() == "annotations" && w[n-3] == "metadata" && !strings.Contains(w.key(), "seccomp") && !strings.Contains(w.key(), "apparmor")
}

// writes are all the places that a rule may write; ok is false where there may be others.
type writes struct {
	places []write
	open   bool
}

func writesOf(rule kyvernov1.Rule) (places []write, ok bool) {
	var w writes
	eachPatch(rule, w.patch)
	return w.places, !w.open && len(w.places) > 0
}

// eachPatch visits the patches of a rule that mutates, those of its loops as well: strategic merge
// patches, and JSON patches as they are written.
func eachPatch(rule kyvernov1.Rule, visit func(merge any, operations string)) {
	if rule.Mutation == nil {
		return
	}
	visit(rule.Mutation.GetPatchStrategicMerge(), rule.Mutation.PatchesJSON6902)
	var loop func([]kyvernov1.ForEachMutation)
	loop = func(loops []kyvernov1.ForEachMutation) {
		for i := range loops {
			visit(loops[i].GetPatchStrategicMerge(), loops[i].PatchesJSON6902)
			loop(loops[i].GetForEachMutation())
		}
	}
	loop(rule.Mutation.ForEachMutation)
}

func (w *writes) patch(merge any, operations string) {
	if merge != nil {
		w.below(nil, merge)
	}
	if operations == "" {
		return
	}
	var all []struct{ Op, Path, From string }
	if err := yaml.Unmarshal([]byte(operations), &all); err != nil {
		w.open = true // it is one with its variables filled in
		return
	}
	for _, one := range all {
		w.open = w.open || one.From != "" || !strings.HasPrefix(one.Path, "/")
		w.add(pointed(one.Path))
	}
}

// pointed is the place of a JSON pointer, which may have variables.
func pointed(pointer string) (place write) {
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if len(place) > 0 && containerLists[place[len(place)-1]] {
			step = anyField
		}
		place = append(place, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
	}
	return place
}

func (w *writes) add(place write) {
	if w.open = w.open || !place.plain(); !w.open {
		w.places = append(w.places, slices.Clone(place))
	}
}

// below follows a strategic merge patch.
func (w *writes) below(at write, node any) {
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			a := anchor.Parse(key)
			switch {
			case anchor.IsOneOf(a, anchor.Condition, anchor.Global):
				continue // is only compared
			case a != nil:
				key = a.Key()
			}
			w.below(append(at[:len(at):len(at)], key), child)
		}
	case []any:
		for _, item := range node {
			w.item(append(at[:len(at):len(at)], anyField), item)
		}
	default:
		w.add(at)
	}
}

// item is an item of a list that is merged with those that are there, or added.
func (w *writes) item(at write, item any) {
	given, _ := item.(map[string]any)
	fields := maps.Clone(given)
	there := false // it is merged
	for key, value := range given {
		name, _ := value.(string)
		own := key == "name" && strings.ReplaceAll(name, " ", "") == "{{element.name}}"
		if there = there || own || anchor.IsOneOf(anchor.Parse(key), anchor.Condition); own {
			delete(fields, key)
		}
	}
	w.open = w.open || !there
	w.below(at, fields)
}

// present tells whether an object has what the place is in.
func (w write) present(object []byte) bool {
	var root any
	_ = json.Unmarshal(object, &root) // it was encoded before
	return holds(root, w[:len(w)-1])
}

func holds(node any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch node := node.(type) {
	case map[string]any:
		child, ok := node[path[0]]
		return ok && holds(child, path[1:])
	case []any:
		return path[0] == anyField && !slices.ContainsFunc(node, func(item any) bool { return !holds(item, path[1:]) })
	}
	return false
}
