package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// storing is what an API server does to an object of a custom resource before it stores
// it: it prunes what the version does not know, sets defaults, and checks the rest.
type storing struct {
	schema  *schema
	kind    *hubKind
	version string
	release Release

	pruned []prunedField
	faults []error // in the order of the schema
}

type prunedField struct {
	path     string
	versions []string // that have the field
}

// object changes the object in place. Status and metadata are left as they are: the API
// server has other rules for them.
func (s *storing) object(object map[string]any) {
	keep := map[string]any{}
	for _, name := range []string{"apiVersion", "kind", "metadata", "status"} {
		if value, ok := object[name]; ok {
			keep[name] = value
			delete(object, name)
		}
	}
	s.fields("", s.kind.root, object)
	maps.Copy(object, keep)
}

func (s *storing) fields(path, name string, object map[string]any) {
	known := s.schema.fields(name, s.version, s.release)
	for _, written := range slices.Sorted(maps.Keys(object)) {
		if object[written] == nil {
			delete(object, written) // null stands for nothing
		} else if !slices.ContainsFunc(known, func(f *field) bool { return f.name == written }) {
			s.pruned = append(s.pruned, prunedField{join(path, written), s.schema.elsewhere(s.kind, name, written, s.release)})
			delete(object, written)
		}
	}
	for _, f := range known {
		value, ok := object[f.name]
		if !ok && f.fallback != nil {
			object[f.name], ok = f.fallback, true
			continue
		}
		if !ok {
			if f.required {
				s.fault("%s: Required value", join(path, f.name))
			}
			continue
		}
		s.field(join(path, f.name), f, value)
	}
}

func (s *storing) field(path string, f *field, value any) {
	switch {
	case f.list:
		items, ok := value.([]any)
		if !ok {
			s.mistyped(path, "array", value)
			return
		}
		s.count(path, f, len(items), "items")
		for i, item := range items {
			s.value(fmt.Sprintf("%s[%d]", path, i), f, item)
		}
	case f.dict:
		items, ok := value.(map[string]any)
		if !ok {
			s.mistyped(path, "object", value)
			return
		}
		s.count(path, f, len(items), "properties")
		for _, key := range slices.Sorted(maps.Keys(items)) {
			s.value(join(path, key), f, items[key])
		}
	default:
		s.value(path, f, value)
	}
}

func (s *storing) count(path string, f *field, n int, what string) {
	switch {
	case f.items == nil:
	case n < f.items[0]:
		s.fault("%s: Invalid value: %d: %s in body should have at least %d %s", path, n, path, f.items[0], what)
	case n > f.items[1]:
		s.fault("%s: Too many: %d: must have at most %d items", path, n, f.items[1])
	}
}

func (s *storing) value(path string, f *field, value any) {
	switch f.kind {
	case "any":
		if _, ok := value.(map[string]any); f.dict && !ok {
			s.mistyped(path, "object", value)
		}
	case "string":
		s.text(path, f, value)
	case "boolean":
		if _, ok := value.(bool); !ok {
			s.mistyped(path, "boolean", value)
		}
	case "integer":
		s.number(path, f, value)
	case "intstr":
		if _, ok := value.(string); ok {
			s.text(path, f, value)
		} else {
			s.number(path, f, value)
		}
	case "map":
		s.labels(path, value)
	default:
		object, ok := value.(map[string]any)
		if !ok {
			s.mistyped(path, "object", value)
			return
		}
		s.fields(path, f.kind, object)
	}
}

func (s *storing) text(path string, f *field, value any) {
	text, ok := value.(string)
	switch {
	case !ok:
		s.mistyped(path, "string", value)
	case f.enum != nil && !slices.Contains(f.enum, text):
		s.fault("%s: Unsupported value: %q: supported values: %s", path, text, quotedList(f.enum))
	case f.length > 0 && utf8.RuneCountInString(text) > f.length:
		s.fault("%s: Too long: may not be more than %d bytes", path, f.length)
	case f.pattern != nil && !f.pattern.MatchString(text):
		s.fault("%s: Invalid value: %q: %s in body should match '%s'", path, text, path, f.pattern)
	}
}

func (s *storing) number(path string, f *field, value any) {
	number, ok := value.(float64)
	switch {
	case !ok || number != float64(int64(number)):
		s.mistyped(path, "integer", value)
	case f.min != nil && number < float64(*f.min):
		s.fault("%s: Invalid value: %v: %s in body should be greater than or equal to %d", path, number, path, *f.min)
	case f.max != nil && number > float64(*f.max):
		s.fault("%s: Invalid value: %v: %s in body should be less than or equal to %d", path, number, path, *f.max)
	}
}

func (s *storing) labels(path string, value any) {
	labels, ok := value.(map[string]any)
	if !ok {
		s.mistyped(path, "object", value)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if _, ok := labels[key].(string); !ok {
			s.mistyped(join(path, key), "string", labels[key])
		}
	}
}

func (s *storing) mistyped(path, want string, value any) {
	got := typeName(value)
	s.fault("%s: Invalid value: %q: %s in body must be of type %s: %q", path, got, path, want, got)
}

func (s *storing) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf(format, args...))
}

// typeName is the JSON type of a value, as the API server names it.
func typeName(value any) string {
	switch value := value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if value == float64(int64(value)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

func join(path, name string) string {
	return strings.TrimPrefix(path+"."+name, ".")
}

func quotedList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(quoted, ", ")
}
