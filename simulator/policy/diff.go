package policy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
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

// objectKey is what an API server knows an object by. The group matters for one kind only:
// PolicyExceptions of kyverno.io and of policies.kyverno.io are different objects.
type objectKey struct{ kind, namespace, name, group string }

func keyOf(o *Object) objectKey {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return objectKey{o.Kind, o.Namespace, o.Name, group}
}

func (k objectKey) compare(other objectKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), cmp.Compare(k.namespace, other.namespace),
		cmp.Compare(k.name, other.name), cmp.Compare(k.group, other.group))
}

// Diff lists the objects of both sets by kind, namespace and name, in that order. A move
// to another file and a changed comment are no change; another version of the API is one.
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
	for _, key := range slices.SortedFunc(maps.Keys(changes), objectKey.compare) {
		c := changes[key]
		c.Change = kindOf(c)
		out = append(out, *c)
	}
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
