package capture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// World is the state of one cluster that policies may look up, as far as it was captured.
// It is safe for concurrent reading.
type World struct {
	Cluster   Cluster
	Resources *Resources
	objects   map[GVR]map[objectName]*WorldObject // by resource; group and resource decide, not the version
	listed    map[GVR][]string                    // resources held in whole; in these namespaces only, if there are any
	named     map[GVR][]string                    // the same of those that the records name all objects of
	all       bool                                // the records' objects are in it too
	stories   map[GVR]map[objectName]*story       // of the objects that an audit log shows as changed
	moment    *moment                             // nil: the end
	latest    *World                              // of which this is a moment; nil: itself
}

type objectName struct{ namespace, name string }

func newWorld(c Cluster) *World {
	w := &World{
		Cluster: c, Resources: newResources(), objects: map[GVR]map[objectName]*WorldObject{}, listed: map[GVR][]string{}, named: map[GVR][]string{},
		stories: map[GVR]map[objectName]*story{},
	}
	for _, l := range c.Listed {
		w.listed[GVR{Group: l.Group, Resource: l.Resource}] = l.Namespaces
	}
	for _, l := range c.Named {
		w.named[GVR{Group: l.Group, Resource: l.Resource}] = l.Namespaces
	}
	return w
}

// NewWorld returns the world of a cluster that holds objects. Of two objects of one name the
// later one stays.
func NewWorld(c Cluster, objects ...*WorldObject) (*World, error) {
	w := newWorld(c)
	for _, o := range objects { // discovery first: it says what is namespaced
		if kind := headOf(o.Object).Kind; kind == "CustomResourceDefinition" || kind == APIResourceList {
			if err := w.add(o); err != nil {
				return nil, err
			}
		}
	}
	for _, o := range objects {
		if err := w.add(o); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// With returns the world with other objects, which stand for those of their names. Kinds that they
// define are known.
func (w *World) With(objects ...*WorldObject) (*World, error) {
	with := *w
	with.latest = nil
	with.objects, with.stories = maps.Clone(w.objects), maps.Clone(w.stories)
	if slices.ContainsFunc(objects, func(o *WorldObject) bool { return headOf(o.Object).Kind == "CustomResourceDefinition" }) {
		with.Resources = w.Resources.clone()
	}
	for _, o := range objects {
		h := headOf(o.Object)
		gvr, _, _ := w.Resources.ResourceFor(ParseGVK(h.APIVersion, h.Kind))
		key := GVR{Group: gvr.Group, Resource: gvr.Resource}
		with.objects[key] = maps.Clone(with.objects[key])
		with.forget(key, objectName{h.Metadata.Namespace, h.Metadata.Name})
		if err := with.add(o); err != nil {
			return nil, err
		}
	}
	return &with, nil
}

// Without returns the world without an object.
func (w *World) Without(gvr GVR, namespace, name string) *World {
	without := *w
	key := GVR{Group: gvr.Group, Resource: gvr.Resource}
	without.objects = maps.Clone(w.objects)
	without.objects[key] = maps.Clone(w.objects[key])
	delete(without.objects[key], objectName{namespace, name})
	without.stories, without.latest = maps.Clone(w.stories), nil
	without.forget(key, objectName{namespace, name})
	return &without
}

// WithoutAll returns the world without some of its objects.
func (w *World) WithoutAll(gone func(gvk GVK, namespace, name string, o *WorldObject) bool) *World {
	without := *w
	without.objects, without.latest = map[GVR]map[objectName]*WorldObject{}, nil
	without.stories = maps.Clone(w.stories)
	for key, objects := range w.objects {
		without.objects[key] = maps.Clone(objects)
		maps.DeleteFunc(without.objects[key], func(at objectName, o *WorldObject) bool {
			h := headOf(o.Object)
			is := gone(ParseGVK(h.APIVersion, h.Kind), at.namespace, at.name, o)
			if is {
				without.forget(key, at)
			}
			return is
		})
	}
	return &without
}

// forget drops the story of an object that another stands for.
func (w *World) forget(key GVR, name objectName) {
	if w.stories[key][name] != nil {
		w.stories[key] = maps.Clone(w.stories[key])
		delete(w.stories[key], name)
	}
}

// head is what every object says of itself.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

func headOf(object json.RawMessage) head {
	var h head
	_ = json.Unmarshal(object, &h) // add has decoded it before
	return h
}

func (w *World) add(o *WorldObject) error {
	var h head
	if err := json.Unmarshal(o.Object, &h); err != nil {
		return fmt.Errorf("%w: a world object does not decode: %v", ErrFormat, err)
	}
	gvk := ParseGVK(h.APIVersion, h.Kind)
	switch gvk.Kind {
	case "CustomResourceDefinition":
		w.Resources.addCRD(o.Object)
	case APIResourceList:
		w.Resources.addServed(o.Object)
	}
	gvr, namespaced, _ := w.Resources.ResourceFor(gvk)
	if !namespaced {
		h.Metadata.Namespace = ""
	}
	w.put(gvr, objectName{h.Metadata.Namespace, h.Metadata.Name}, o)
	return nil
}

func (w *World) put(gvr GVR, name objectName, o *WorldObject) {
	key := GVR{Group: gvr.Group, Resource: gvr.Resource}
	if w.objects[key] == nil {
		w.objects[key] = map[objectName]*WorldObject{}
	}
	w.objects[key][name] = o
}

// Get returns an object. known is false when the capture cannot tell whether it exists.
func (w *World) Get(gvr GVR, namespace, name string) (object *WorldObject, known bool) {
	key, full := GVR{Group: gvr.Group, Resource: gvr.Resource}, objectName{namespace, name}
	if s := w.stories[key][full]; s != nil {
		return s.look(w.moment)
	}
	object = w.objects[key][full]
	return object, object != nil || w.Knows(gvr, namespace)
}

// Knows tells whether the world holds every object of a resource in a namespace, or
// everywhere where that is empty.
func (w *World) Knows(gvr GVR, namespace string) bool {
	key := GVR{Group: gvr.Group, Resource: gvr.Resource}
	namespaces, listed := w.listed[key]
	if !listed && w.all {
		namespaces, listed = w.named[key]
	}
	return w.Cluster.Complete || listed && (len(namespaces) == 0 || slices.Contains(namespaces, namespace))
}

// List returns the objects of a resource in a namespace ("" for all), by namespace and
// name. known is false when the capture cannot tell whether these are all.
func (w *World) List(gvr GVR, namespace string) (objects []*WorldObject, known bool) {
	key := GVR{Group: gvr.Group, Resource: gvr.Resource}
	names := make([]objectName, 0, len(w.objects[key]))
	for name := range w.objects[key] {
		if (namespace == "" || name.namespace == namespace) && w.stories[key][name] == nil {
			names = append(names, name)
		}
	}
	for name := range w.stories[key] {
		if namespace == "" || name.namespace == namespace {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b objectName) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	known = w.Knows(gvr, namespace)
	for _, name := range names {
		object, tells := w.Get(key, name.namespace, name.name)
		if object != nil {
			objects = append(objects, object)
		}
		known = known && tells
	}
	return objects, known
}

// Objects returns every captured object of the given kinds, in canonical order.
func (w *World) Objects(keep func(apiVersion, kind string) bool) []*WorldObject {
	var out []*WorldObject
	keys := make([]GVR, 0, len(w.objects))
	for key := range w.objects {
		keys = append(keys, key)
	}
	for key := range w.stories {
		if w.objects[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b GVR) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource)) })
	for _, key := range keys {
		objects, _ := w.Guessing().List(key, "")
		for _, o := range objects {
			var h head
			if json.Unmarshal(o.Object, &h) == nil && keep(h.APIVersion, h.Kind) {
				out = append(out, o)
			}
		}
	}
	return out
}

// IndexRecords adds the objects of all records to the worlds, for policies that look up arbitrary
// kinds, and Secrets of live clusters without their values. It costs the memory of all objects, of an
// audit log in all their versions; call it only when asked.
func (c *Capture) IndexRecords() error {
	for _, w := range c.worlds {
		if w.all {
			return nil
		}
		w.all = true
	}
	for r, err := range c.Records() {
		if err != nil {
			return err
		}
		w, key := c.worlds[r.Cluster], GVR{Group: r.Resource.Group, Resource: r.Resource.Resource}
		if r.Origin.Source == "audit" {
			if !followed[key] {
				w.follow(r)
			}
			continue
		}
		name := objectName{r.Namespace, r.Name}
		if r.Operation != Create || r.SubResource != "" || r.Object == nil || r.Name == "" || w.objects[key][name] != nil {
			continue
		}
		if o, ok := withheld(r); ok {
			o.at = r.Seq
			w.put(r.Resource, name, o)
		} else if !r.Lacks(MissingObject) {
			w.put(r.Resource, name, &WorldObject{Cluster: r.Cluster, Object: r.Object, Origin: r.Origin, at: r.Seq})
		}
	}
	for _, w := range c.worlds {
		w.settle()
	}
	return nil
}

// NamespaceLabels returns the labels of a Namespace, those that it had last; nil when it was not captured.
func (w *World) NamespaceLabels(name string) map[string]string {
	key := GVR{Resource: "namespaces"}
	found, _ := w.Get(key, "", name)
	if s := w.stories[key][objectName{name: name}]; s != nil && found == nil {
		for _, v := range s.versions {
			if v.object != nil {
				found = v.object
			}
		}
	}
	if found == nil {
		return nil
	}
	var object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(found.Object, &object) // add has decoded it before
	return object.Metadata.Labels
}
