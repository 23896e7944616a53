package rollout

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// identity tells objects of one cluster apart, whatever their version is.
type identity struct{ group, kind, namespace, name string }

// identityFor is whose object a request is about. The namespace of a request about a Namespace is its name.
func identityFor(r *capture.Record) identity {
	if r.Kind.Group == "" && r.Kind.Kind == "Namespace" {
		return identity{kind: "Namespace", name: r.Name}
	}
	return identity{r.Kind.Group, r.Kind.Kind, r.Namespace, r.Name}
}

func identityOf(o *unstructured.Unstructured) identity {
	gvk := o.GroupVersionKind()
	return identity{gvk.Group, gvk.Kind, o.GetNamespace(), o.GetName()}
}

// standing is what is in a cluster while its answers are compared. Both sides get the same.
type standing map[identity]json.RawMessage

// stand decides what a cluster holds: its world and what requests change or delete, each
// as it was before the first of them. What requests only create is left out: for an object
// that is there already the API server shows no mutation. The kinds that plugins look up
// are there all the same, and the data whose name a policy has, and what stays; nil: no more.
func stand(w *capture.World, records []*capture.Record, sets []*policy.Set, owners bool, stays func(*unstructured.Unstructured) bool) (standing, error) {
	objects, _ := initial(w, records, owners)
	objects = append(homes(objects, sets), objects...)
	away := onlyCreated(w, records, sets)
	before := map[identity]json.RawMessage{}
	for _, r := range records {
		id := identityFor(r)
		parent, ok := w.Resources.KindFor(r.Resource)
		whole := r.SubResource == "" || ok && parent.Group == r.Kind.Group && parent.Kind == r.Kind.Kind // as of a status
		if whole && before[id] == nil && len(r.OldObject) > 0 {
			before[id] = r.OldObject
		}
	}
	out := standing{}
	for _, o := range objects {
		id := identityOf(o)
		if away(id) && (stays == nil || !stays(o)) {
			continue
		}
		content, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		if old, err := freshJSON(before[id]); err == nil && old != nil {
			content = old
		}
		out[id] = content
	}
	return out, nil
}

// onlyCreated tells of the objects that requests only create, of kinds that nothing else needs: no
// plugin looks them up, no policy has their name, and they are not Kyverno's configuration.
func onlyCreated(w *capture.World, records []*capture.Record, sets []*policy.Set) func(identity) bool {
	created, touched := map[identity]bool{}, map[identity]bool{}
	for _, r := range records {
		id := identityFor(r)
		if r.SubResource != "" {
			if parent, ok := w.Resources.KindFor(r.Resource); ok {
				touched[identity{parent.Group, parent.Kind, r.Namespace, r.Name}] = true
			}
			continue
		}
		created[id] = created[id] || r.Operation == capture.Create
		touched[id] = touched[id] || r.Operation != capture.Create
	}
	text := texts(sets)
	return func(id identity) bool {
		data := id.group == "" && (id.kind == "ConfigMap" || id.kind == "Secret")
		return created[id] && !touched[id] && id != configuration && !own(id) && (rank(id.kind) == workloads || data && !mentions(text, id.name))
	}
}

// own tells of what the API server makes itself: it is there, whatever requests do.
func own(id identity) bool {
	return traffic.Own(capture.GVK{Group: id.group, Kind: id.kind}, id.namespace, id.name)
}

// configuration is the ConfigMap from which Kyverno takes its filters.
var configuration = identity{"", "ConfigMap", "kyverno", "kyverno"}

// texts is the text of all policies.
func texts(sets []*policy.Set) string {
	var b strings.Builder
	for _, set := range sets {
		for _, o := range set.Objects {
			b.Write(o.JSON)
		}
	}
	return b.String()
}

// mentions tells whether a name stands in a text, not as a part of another.
func mentions(text, name string) bool {
	part := func(c byte) bool {
		return c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return false
		}
		begin, end := from+at, from+at+len(name)
		if (begin == 0 || !part(text[begin-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = begin + 1
	}
}

// homes are the namespaces of policies that no object tells of: without them a cluster
// refuses the policies, and the comparison is of its answers.
func homes(objects []*unstructured.Unstructured, sets []*policy.Set) (out []*unstructured.Unstructured) {
	have := map[string]bool{"": true, "kyverno": true}
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			have[o.GetName()] = true
		}
	}
	for _, set := range sets {
		for _, o := range set.Objects {
			if !have[o.Namespace] {
				have[o.Namespace] = true
				out = append(out, object("v1", "Namespace", "", o.Namespace))
			}
		}
	}
	return out
}

// freshJSON is [fresh] of an encoded object; nil of none.
func freshJSON(content json.RawMessage) (json.RawMessage, error) {
	if len(content) == 0 {
		return nil, nil
	}
	o := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(content, &o.Object); err != nil {
		return nil, err
	}
	return json.Marshal(fresh(o))
}

// pick keeps of what would be loaded what stands, as it stands.
func (s standing) pick(objects []*unstructured.Unstructured) (out []*unstructured.Unstructured) {
	for _, o := range objects {
		content, ok := s[identityOf(o)]
		if !ok {
			continue
		}
		as := &unstructured.Unstructured{}
		if utiljson.Unmarshal(content, &as.Object) == nil {
			out = append(out, as)
		}
	}
	return out
}

// left is pick of a rehearsal, which tells what it takes out.
func (s standing) left(objects []*unstructured.Unstructured, out *tally) []*unstructured.Unstructured {
	for _, o := range objects {
		if s[identityOf(o)] == nil {
			out.add("left to the request that creates it", name(o))
		}
	}
	return s.pick(objects)
}

// world is the replay's view of what stands.
func (s standing) world(w *capture.World) (*capture.World, error) {
	var objects []*capture.WorldObject
	have := map[identity]bool{}
	for _, o := range w.Objects(func(string, string) bool { return true }) {
		u := &unstructured.Unstructured{}
		if err := utiljson.Unmarshal(o.Object, &u.Object); err != nil {
			return nil, err
		}
		id := identityOf(u)
		have[id] = true
		if content, ok := s[id]; ok {
			objects = append(objects, &capture.WorldObject{Cluster: o.Cluster, Object: content, Origin: o.Origin})
		} else if id.kind == capture.APIResourceList || id.kind == capture.RegistryAnswerKind {
			objects = append(objects, o)
		}
	}
	for id, content := range s {
		if !have[id] {
			objects = append(objects, &capture.WorldObject{Cluster: w.Cluster.Name, Object: content})
		}
	}
	return capture.NewWorld(w.Cluster, objects...)
}
