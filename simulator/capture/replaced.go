package capture

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
)

// Replaced finds objects of worlds that are given more than once, and not as the same: what
// policies look up is the last of them.
type Replaced struct {
	seen  map[worldKey]version
	Found []string // in words, in the order of the later ones
}

type worldKey struct{ cluster, group, kind, namespace, name string }

type version struct {
	sum    [sha256.Size]byte
	origin Origin
}

// See takes the next object of a world.
func (r *Replaced) See(o *WorldObject) {
	h := headOf(o.Object)
	gvk := ParseGVK(h.APIVersion, h.Kind)
	key := worldKey{o.Cluster, gvk.Group, h.Kind, h.Metadata.Namespace, h.Metadata.Name}
	now := version{sha256.Sum256(o.Object), o.Origin}
	before, twice := r.seen[key]
	if twice && before.sum != now.sum {
		r.Found = append(r.Found, fmt.Sprintf("%s %s of %s takes the place of another of the same name, of %s", h.Kind, strings.TrimPrefix(h.Metadata.Namespace+"/"+h.Metadata.Name, "/"), now.origin.place(), before.origin.place()))
	}
	if r.seen == nil {
		r.seen = map[worldKey]version{}
	}
	r.seen[key] = now
}

// place is where something came from, in words.
func (o Origin) place() string {
	if o.Line > 0 {
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return cmp.Or(o.File, "the "+o.Source)
}
