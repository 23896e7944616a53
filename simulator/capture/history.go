package capture

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// story is what an audit log tells of one object of a world: its versions, in order. The first is of
// before the log.
type story struct {
	versions []edition
	dumped   *WorldObject // as its cluster was listed; nil: not in it
	guess    *WorldObject // as it was at another time; nil: nobody knows
}

// edition is an object after a request.
type edition struct {
	after  int64        // the record of the request; -1: before all
	object *WorldObject // nil: it was not there, or
	lost   bool         // nobody knows how it was
	born   time.Time    // of the first: when the object was created; zero: not known
}

// moment is when a world is looked at.
type moment struct {
	seq   int64 // before the request of this record
	time  *time.Time
	dump  bool // as the cluster was listed
	guess bool // by what is held of another time, where nobody knows
}

// followed are the resources whose stories are always told: what is looked up without being asked for.
var followed = map[GVR]bool{
	{Resource: "configmaps"}: true, {Resource: "limitranges"}: true, {Resource: "namespaces"}: true,
	{Resource: "resourcequotas"}: true, {Resource: "serviceaccounts"}: true,
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}: true,
	{Group: "networking.k8s.io", Resource: "ingressclasses"}:               true,
	{Group: "node.k8s.io", Resource: "runtimeclasses"}:                     true,
	{Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"}:  true,
	{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}:         true,
	{Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}:         true,
	{Group: "rbac.authorization.k8s.io", Resource: "roles"}:                true,
	{Group: "scheduling.k8s.io", Resource: "priorityclasses"}:              true,
	{Group: "storage.k8s.io", Resource: "storageclasses"}:                  true,
}

// At is the world as it was when a request of an audit log was made. For others, which say how a
// cluster or a repository is, it is as that is.
func (w *World) At(r *Record) *World {
	return w.in(moment{seq: r.Seq, time: r.Time, dump: r.Origin.Source != "audit"})
}

// After is the world as the request left it.
func (w *World) After(r *Record) *World {
	return w.in(moment{seq: r.Seq + 1, dump: r.Origin.Source != "audit"})
}

// Guessing is the world with objects of another time where nobody knows how they were.
func (w *World) Guessing() *World {
	m := moment{seq: math.MaxInt64}
	if w.moment != nil {
		m = *w.moment
	}
	m.guess = true
	return w.in(m)
}

func (w *World) in(m moment) *World {
	if len(w.stories) == 0 {
		return w
	}
	then := *w
	then.moment, then.latest = &m, w.Latest()
	return &then
}

// Latest is the world at its end.
func (w *World) Latest() *World {
	if w.latest != nil {
		return w.latest
	}
	return w
}

// follow tells what a request did to its object. Only those of audit logs happened.
func (w *World) follow(r *Record) {
	took := r.Response != nil && r.Response.Code >= 200 && r.Response.Code < 300
	if r.Origin.Source != "audit" || !took || r.DryRun || r.Operation == Connect || r.SubResource == "token" {
		return
	}
	key, name := GVR{Group: r.Resource.Group, Resource: r.Resource.Resource}, objectName{r.Namespace, r.Name}
	if len(r.Left) > 0 && name.name == "" {
		name.name = headOf(r.Left).Metadata.Name
	}
	if name.name == "" {
		if r.Operation == Delete {
			w.loseAll(key, r)
		}
		return
	}
	if r.SubResource == "status" && len(r.OldObject) == 0 && w.stories[key][name] == nil {
		return // nobody knows from what to what, and the rest of it is as it was
	}
	s := w.storyOf(key, name, r)
	last := &s.versions[len(s.versions)-1]
	old := r.ofItself() && len(r.OldObject) > 0 && !IsView(r.Kind.APIVersion())
	if old && r.Operation != Create {
		last.object, last.lost = w.as(r, r.OldObject), false
	}
	next := edition{after: r.Seq}
	switch {
	case string(r.Left) == "null", len(r.Left) == 0 && r.Operation == Delete:
	case len(r.Left) > 0:
		next.object = w.as(r, r.Left)
		next.lost = headOf(r.Left).Kind == ""
	case r.SubResource == "status":
		next.object, next.lost = last.object, last.object == nil // the rest of it is as it was
	case r.ofItself() && len(r.Object) > 0 && !r.Lacks(MissingObject) && !IsView(r.Kind.APIVersion()):
		next.object = w.as(r, r.Object)
	default:
		next.lost = true
	}
	if next.lost {
		next.object = nil
	}
	s.versions = append(s.versions, next)
}

func (w *World) as(r *Record, object json.RawMessage) *WorldObject {
	return &WorldObject{Cluster: r.Cluster, Object: object, Origin: r.Origin}
}

// ofItself tells of a request that is written as its object itself.
func (r *Record) ofItself() bool {
	switch r.SubResource {
	case "", "status", "ephemeralcontainers", "resize", "finalize", "approval":
		return true
	}
	return false
}

// storyOf is the story of an object, which begins with what is known of it before a request.
func (w *World) storyOf(key GVR, name objectName, r *Record) *story {
	if w.stories[key] == nil {
		w.stories[key] = map[objectName]*story{}
	}
	if s := w.stories[key][name]; s != nil {
		return s
	}
	before, there := edition{after: -1, lost: true}, w.objects[key][name]
	dumped := there != nil && there.Origin.Source == "cluster"
	switch {
	case r.Operation == Create && r.SubResource == "":
		before.lost = false
	case r.ofItself() && len(r.OldObject) > 0:
		before.born = bornOf(r.OldObject)
	case dumped && there.at <= r.Seq:
		before.object, before.lost = there, false
	}
	s := &story{versions: []edition{before}}
	if dumped {
		s.dumped = there
	}
	w.stories[key][name] = s
	return s
}

func bornOf(object json.RawMessage) time.Time {
	var head struct {
		Metadata struct {
			CreationTimestamp time.Time `json:"creationTimestamp"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(object, &head) // zero, where it does not tell
	return head.Metadata.CreationTimestamp
}

// loseAll tells that any object of a resource may be gone: a collection was deleted, and nobody knows of
// what.
func (w *World) loseAll(key GVR, r *Record) {
	for name := range w.objects[key] {
		if r.Namespace == "" || name.namespace == r.Namespace {
			w.storyOf(key, name, &Record{Seq: r.Seq, Operation: Update})
		}
	}
	for name, s := range w.stories[key] {
		if last := s.versions[len(s.versions)-1]; (r.Namespace == "" || name.namespace == r.Namespace) && (last.object != nil || last.lost) {
			s.versions = append(s.versions, edition{after: r.Seq, lost: true})
		}
	}
}

// settle ends the stories of objects with what the world holds of the time after them.
func (w *World) settle() {
	for key, byName := range w.stories {
		for name, s := range byName {
			last, there := &s.versions[len(s.versions)-1], w.objects[key][name]
			s.guess = there
			for _, v := range slices.Backward(s.versions) {
				if s.guess == nil {
					s.guess = v.object
				}
			}
			if there != nil && there.Origin.Source == "cluster" {
				s.dumped = there
			}
			if there != nil && there.at > last.after && (there.Origin.Source == "audit" || there.Origin.Source == "cluster") {
				last.object, last.lost = there, false
			}
		}
	}
}

// look is an object as its story tells it; known is false when it has none, or nobody knows.
func (s *story) look(at *moment) (object *WorldObject, known bool) {
	last := s.versions[len(s.versions)-1]
	switch {
	case at == nil:
	case at.dump && s.dumped != nil:
		return s.dumped, true
	case !at.dump:
		next := slices.IndexFunc(s.versions, func(v edition) bool { return v.after >= at.seq })
		if next > 0 {
			last = s.versions[next-1]
		}
		if at.time != nil && last.after < 0 && at.time.Before(last.born) {
			return nil, true
		}
	}
	if last.lost && at != nil && at.guess {
		return s.guess, s.guess != nil
	}
	return last.object, !last.lost
}

// Changes tells whether an audit log shows an object as made, changed or deleted.
func (w *World) Changes(gvr GVR, namespace, name string) bool {
	return w.stories[GVR{Group: gvr.Group, Resource: gvr.Resource}][objectName{namespace, name}] != nil
}

// Edition numbers how often an audit log shows objects of some resources as changed until now; changes
// is false where it shows none, ever.
func (w *World) Edition(of ...GVR) (edition int, changes bool) {
	for _, gvr := range of {
		for _, s := range w.stories[GVR{Group: gvr.Group, Resource: gvr.Resource}] {
			changes = true
			for _, v := range s.versions {
				if w.moment != nil && v.after < w.moment.seq {
					edition++
				}
			}
		}
	}
	if w.moment == nil || w.moment.dump {
		edition = -1
	}
	return edition, changes
}

// Lost tells whether nobody knows how objects of a resource, which an audit log shows as changed, are.
func (w *World) Lost(gvr GVR) bool {
	for _, s := range w.stories[GVR{Group: gvr.Group, Resource: gvr.Resource}] {
		if _, known := s.look(w.moment); !known {
			return true
		}
	}
	return false
}

// Versions calls f for every object of the world as it is and as it was, in no particular order.
func (w *World) Versions(f func(*WorldObject)) {
	for key, byName := range w.objects {
		for name, o := range byName {
			if w.stories[key][name] == nil {
				f(o)
			}
		}
	}
	for _, byName := range w.stories {
		for _, s := range byName {
			for i, v := range s.versions {
				if v.object != nil && (i == 0 || s.versions[i-1].object != v.object) {
					f(v.object)
				}
			}
		}
	}
}
