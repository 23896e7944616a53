package placement

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Load reads the state of a hub: a folder, a file, or "git:REV:path", where path is
// relative to the root of the repository that holds the working directory. Documents that
// are no Kubernetes objects are Warnings; objects that an API server or KubeFleet would
// refuse are Problems and no part of the hub.
func Load(ctx context.Context, spec string, opt Options) (*Hub, error) {
	set, err := policy.LoadObjects(ctx, spec, policy.Options{Dir: opt.Dir})
	if err != nil {
		return nil, err
	}
	return FromSet(set, opt)
}

// FromSet makes the state of a hub of objects that are read already: policies and others.
func FromSet(set *policy.Set, opt Options) (*Hub, error) {
	if err := opt.valid(); err != nil {
		return nil, err
	}
	h := newHub(set.Source, append(slices.Clone(set.Objects), set.Others...), opt)
	h.Revision = set.Revision
	h.Problems = append(h.Problems, set.Problems...)
	for _, p := range set.Ignored {
		h.Warnings = append(h.Warnings, ignored(p))
	}
	for _, p := range set.Repeats {
		h.Warnings = append(h.Warnings, Warning{Code: "key-twice", File: p.File, Line: p.Line, Object: p.Policy, Text: p.Reason, Fix: "write it once"})
	}
	h.sort()
	return h, nil
}

// FromObjects makes the state of a hub of objects that were read elsewhere, such as a live
// hub's. Objects need APIVersion, Kind, Name and JSON.
func FromObjects(source string, objects []policy.Object, opt Options) (*Hub, error) {
	if err := opt.valid(); err != nil {
		return nil, err
	}
	h := newHub(source, slices.Clone(objects), opt)
	h.sort()
	return h, nil
}

// ignored is the warning of a document that no hub stores.
func ignored(p policy.Problem) Warning {
	if p.IsKustomization() {
		return Warning{Code: "kustomization", File: p.File, Line: p.Line, Object: path.Base(p.File),
			Text: "the folder is put together by Kustomize, and its files are read as they are: patches, generators and prefixes are left out", Fix: "name that folder as the hub: then it is read as kustomize builds it"}
	}
	if p.Reason == policy.NotTaken {
		return Warning{Code: "not-taken", File: p.File, Line: p.Line, Object: cmp.Or(p.Policy, path.Base(p.File)),
			Text: p.Reason + ": it is passed over", Fix: "add the file to the kustomization's resources, or keep it elsewhere"}
	}
	return Warning{Code: "no-object", File: p.File, Line: p.Line, Object: path.Base(p.File),
		Text: p.Reason + ": it is passed over", Fix: "keep what is applied to the hub in a folder of its own"}
}

// Empty tells whether a hub holds nothing at all, which is more often a mistyped path than
// an intended answer.
func (h *Hub) Empty() bool {
	return len(h.Objects)+len(h.Members)+len(h.Problems)+len(h.placements)+len(h.overrides)+len(h.strategies)+
		len(h.runs)+len(h.approvals)+len(h.evictions)+len(h.budgets) == 0
}

func (o *Options) valid() error {
	switch o.KubeFleet {
	case "":
		o.KubeFleet = V031
	case V031, Main:
	default:
		return fmt.Errorf("KubeFleet release %q is not known: use %s or %s", o.KubeFleet, V031, Main)
	}
	return nil
}

// newHub takes objects in the order in which they would be applied: by file, line.
func newHub(source string, objects []policy.Object, opt Options) *Hub {
	slices.SortStableFunc(objects, func(a, b policy.Object) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	h := &Hub{Source: source, release: opt.KubeFleet, kinds: kindsOf(objects), claims: map[ObjectRef]string{}}
	r := &reader{hub: h, seen: map[ObjectRef]*policy.Object{}, derived: map[string]int{}, store: opt.Store}
	for i := range objects {
		r.add(&objects[i])
	}
	r.finish()
	h.seal(objects)
	return h
}

// seal digests everything that was read, refused objects included: a hub is the same when
// its files say the same.
func (h *Hub) seal(objects []policy.Object) {
	lines := make([]string, 0, len(objects))
	for i := range objects {
		lines = append(lines, refOf(&objects[i]).String()+" "+objects[i].With(objects[i].JSON).Digest)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	h.Digest = "sha256:" + hex.EncodeToString(sum[:])
}

func (h *Hub) sort() {
	slices.SortStableFunc(h.Objects, func(a, b policy.Object) int {
		x, y := groupKindOf(&a), groupKindOf(&b)
		return cmp.Or(cmp.Compare(x.group, y.group), cmp.Compare(x.kind, y.kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(h.Members, func(a, b *Member) int { return cmp.Compare(a.Name, b.Name) })
	sortNamed(h.placements, func(p *placement) meta { return p.meta })
	sortNamed(h.overrides, func(o *override) meta { return o.meta })
	sortNamed(h.strategies, func(s *strategy) meta { return s.meta })
	slices.SortStableFunc(h.Problems, func(a, b policy.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	sortWarnings(h.Warnings)
}

// sortNamed sorts by namespace and name; cluster-scoped objects come first.
func sortNamed[T any](list []*T, of func(*T) meta) {
	slices.SortStableFunc(list, func(a, b *T) int {
		x, y := of(a), of(b)
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
}

func sortWarnings(list []Warning) {
	slices.SortStableFunc(list, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
	})
}

// refOf names an object as it is written.
func refOf(o *policy.Object) ObjectRef {
	group, version := groupVersion(o.APIVersion)
	return ObjectRef{Group: group, Version: version, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// String is "ClusterPolicy/x" or "Policy/team-a/x".
func (r ObjectRef) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// key is the reference without the version: the same object in any version.
func (r ObjectRef) key() ObjectRef {
	r.Version = ""
	return r
}
