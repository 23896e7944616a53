package drift

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A change is one field, or one entry of a list, that two objects differ in.
type change struct {
	path    []string // keys, and list entries as "[name=a]" or "[2]"
	was, is any      // intended and installed; nil: absent
	in      map[string]any
	reorder bool // the same entries in another order
}

// changesOf lists in what two values differ, in the order of their keys. Lists of named
// entries are compared by name; in other lists equal entries are set aside first. An empty
// map or list is the same as none.
func changesOf(was, is any) []change {
	var d differ
	d.values(nil, nil, was, is)
	return d.out
}

// containers are the maps that mean nothing by themselves: where one is missing, its fields are.
var containers = []string{"metadata", "labels", "annotations", "spec", "webhookConfiguration", "evaluation", "admission", "autogen", "podControllers", "data"}

// differ collects changes. In verbatim parts nothing is taken for absent that is there.
type differ struct {
	out    []change
	strict bool
}

func (d *differ) add(path []string, in map[string]any, was, is any) {
	d.out = append(d.out, change{path: slices.Clone(path), in: in, was: was, is: is})
}

func (d *differ) values(path []string, in map[string]any, was, is any) {
	if !d.strict {
		was, is = orNil(was), orNil(is)
	}
	if d.same(was, is) {
		return
	}
	wasMap, ok1 := was.(map[string]any)
	isMap, ok2 := is.(map[string]any)
	if len(path) == 0 || slices.Contains(containers, path[len(path)-1]) {
		ok1, ok2 = ok1 || was == nil, ok2 || is == nil
	}
	if ok1 && ok2 {
		d.maps(path, wasMap, isMap)
		return
	}
	wasList, ok1 := was.([]any)
	isList, ok2 := is.([]any)
	if ok1 && ok2 {
		d.lists(path, in, wasList, isList)
		return
	}
	d.add(path, in, was, is)
}

func (d *differ) same(a, b any) bool {
	if d.strict {
		return reflect.DeepEqual(a, b)
	}
	return equal(a, b)
}

func (d *differ) maps(path []string, was, is map[string]any) {
	keys := maps.Clone(was)
	if keys == nil {
		keys = map[string]any{}
	}
	maps.Copy(keys, is)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		outer := d.strict
		d.strict = outer || slices.Contains(verbatim, key)
		d.values(append(path, key), was, was[key], is[key])
		d.strict = outer
	}
}

func (d *differ) lists(path []string, in map[string]any, was, is []any) {
	if scalars(was) && scalars(is) {
		d.add(path, in, was, is)
		d.out[len(d.out)-1].reorder = len(without(was, is))+len(without(is, was)) == 0 && len(was) == len(is)
		return
	}
	if key := keyOf(was, is); key != "" {
		d.named(path, key, in, was, is)
		return
	}
	restWas, restIs := leftOver(was, is), leftOver(is, was)
	if len(restWas)+len(restIs) == 0 {
		d.out = append(d.out, change{path: slices.Clone(path), in: in, was: was, is: is, reorder: true})
		return
	}
	for i := range max(len(restWas), len(restIs)) {
		switch {
		case i >= len(restIs):
			d.add(append(path, index(restWas[i])), in, was[restWas[i]], nil)
		case i >= len(restWas):
			d.add(append(path, index(restIs[i])), in, nil, is[restIs[i]])
		default:
			d.values(append(path, index(restWas[i])), in, was[restWas[i]], is[restIs[i]])
		}
	}
}

// named compares lists whose entries all have a key of their own.
func (d *differ) named(path []string, key string, in map[string]any, was, is []any) {
	byName := map[string]any{}
	for _, e := range is {
		byName[e.(map[string]any)[key].(string)] = e
	}
	common := []string{}
	for _, e := range was {
		name := e.(map[string]any)[key].(string)
		d.values(append(path, "["+key+"="+name+"]"), in, e, byName[name])
		if byName[name] != nil {
			common = append(common, name)
		}
		delete(byName, name)
	}
	rest := []string{}
	for _, e := range is {
		name := e.(map[string]any)[key].(string)
		if byName[name] != nil {
			d.values(append(path, "["+key+"="+name+"]"), in, nil, e)
			continue
		}
		rest = append(rest, name)
	}
	if !slices.Equal(common, rest) {
		d.out = append(d.out, change{path: slices.Clone(path), in: in, was: anys(common), is: anys(rest), reorder: true})
	}
}

// keyOf is the field by which the entries of both lists are known; empty when there is none.
func keyOf(lists ...[]any) string {
	for _, key := range []string{"name", "policyName"} {
		if !slices.ContainsFunc(lists, func(l []any) bool { return !unique(l, key) }) {
			return key
		}
	}
	return ""
}

func unique(list []any, key string) bool {
	seen := map[string]bool{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		name, ok := m[key].(string)
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// leftOver are the indices of the entries of a list that have no equal in the other one.
func leftOver(list, other []any) []int {
	used := make([]bool, len(other))
	var rest []int
	for i, e := range list {
		found := false
		for j := 0; j < len(other) && !found; j++ {
			found = !used[j] && equal(e, other[j])
			used[j] = used[j] || found
		}
		if !found {
			rest = append(rest, i)
		}
	}
	return rest
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

func scalars(list []any) bool {
	return !slices.ContainsFunc(list, func(e any) bool {
		switch e.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

// without are the entries of a list that the other does not have.
func without(list, other []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(e any) bool { return slices.ContainsFunc(other, func(o any) bool { return equal(e, o) }) })
}

// orNil takes what is empty for absent.
func orNil(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if orNil(value) != nil || slices.Contains(verbatim, key) {
				return v
			}
		}
		return nil
	case []any:
		if len(v) == 0 {
			return nil
		}
	}
	return v
}

// verbatim are the fields whose content is compared as it is: an empty map in a pattern or
// in generated data is not the same as none.
var verbatim = []string{"pattern", "anyPattern", "patchStrategicMerge", "data"}

func equal(a, b any) bool {
	a, b = orNil(a), orNil(b)
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		return ok && equalMaps(a, m)
	case []any:
		l, ok := b.([]any)
		return ok && slices.EqualFunc(a, l, equal)
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

func equalMaps(a, b map[string]any) bool {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for key := range keys {
		same := equal
		if slices.Contains(verbatim, key) {
			same = func(a, b any) bool { return reflect.DeepEqual(a, b) }
		}
		if !same(a[key], b[key]) {
			return false
		}
	}
	return true
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// pathText writes a path as people do; keys with dots or brackets are quoted.
func pathText(path []string) string {
	var b strings.Builder
	for _, part := range path {
		switch {
		case strings.HasPrefix(part, "["):
			b.WriteString(part)
		case strings.ContainsAny(part, ".[]/ \""):
			b.WriteString("[" + strconv.Quote(part) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(part)
		}
	}
	return b.String()
}

// raw is a value as JSON; nil for none.
func raw(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	content, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return content
}
