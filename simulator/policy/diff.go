package policy

import (
	"cmp"
	"slices"
)

// ChangeKind says what happened to an object between two sets.
type ChangeKind string

// The kinds of change.
const (
	Added     ChangeKind = "added"
	Removed   ChangeKind = "removed"
	Changed   ChangeKind = "changed"
	Unchanged ChangeKind = "unchanged"
)

// Change is one object of either set. Before or After is nil where it is not in that set.
type Change struct {
	Kind      string
	Namespace string
	Name      string
	Change    ChangeKind
	Before    *Object
	After     *Object
}

type objectKey struct{ kind, namespace, name string }

func keyOf(o *Object) objectKey { return objectKey{o.Kind, o.Namespace, o.Name} }

// Diff lists the objects of both sets by kind, namespace and name, in that order. A move
// to another file and a changed comment are no change; another apiVersion is one.
func Diff(before, after *Set) []Change {
	changes := map[objectKey]*Change{}
	at := func(o *Object) *Change {
		key := keyOf(o)
		if changes[key] == nil {
			changes[key] = &Change{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
		}
		return changes[key]
	}
	for i := range before.Objects {
		at(&before.Objects[i]).Before = &before.Objects[i]
	}
	for i := range after.Objects {
		at(&after.Objects[i]).After = &after.Objects[i]
	}
	out := make([]Change, 0, len(changes))
	for _, c := range changes {
		c.Change = kindOf(c)
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func kindOf(c *Change) ChangeKind {
	switch {
	case c.Before == nil:
		return Added
	case c.After == nil:
		return Removed
	case c.Before.Digest == c.After.Digest:
		return Unchanged
	}
	return Changed
}
