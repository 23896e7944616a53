package placement

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed schema.txt
var schemaTable string

// schema is what the API server of a hub knows of KubeFleet's kinds.
type schema struct {
	kinds map[groupKind]*hubKind
	types map[string][]*field
}

type groupKind struct{ group, kind string }

// hubKind is a custom resource of KubeFleet that users write.
type hubKind struct {
	groupKind
	namespaced bool
	versions   []string // served, the stored one first
	root       string   // the type that the object has
}

// field is a field of a type, in some versions and releases.
type field struct {
	name     string
	kind     string // string, integer, boolean, intstr, any, map, or the name of a type
	list     bool   // of kind
	dict     bool   // a map of kind
	required bool
	fallback any // default; nil: none
	enum     []string
	min, max *int
	items    []int // at least, at most
	length   int
	pattern  *regexp.Regexp
	versions []string
	release  Release
}

// hubSchema parses the table once. The table is part of the program: a row that cannot be
// read is a mistake that every test meets.
var hubSchema = sync.OnceValue(func() *schema {
	s := &schema{kinds: map[groupKind]*hubKind{}, types: map[string][]*field{}}
	for i, row := range strings.Split(schemaTable, "\n") {
		words := strings.Fields(row)
		if len(words) == 0 || strings.HasPrefix(row, "#") {
			continue
		}
		if err := s.add(words); err != nil {
			panic(fmt.Sprintf("schema.txt:%d: %v", i+1, err))
		}
	}
	return s
})

func (s *schema) add(words []string) error {
	if words[0] == "kind" && len(words) == 6 {
		k := &hubKind{groupKind{words[2], words[1]}, words[3] == "namespaced", strings.Split(words[4], ","), words[5]}
		s.kinds[k.groupKind] = k
		return nil
	}
	owner, name, ok := strings.Cut(words[0], ".")
	if !ok || len(words) < 2 {
		return fmt.Errorf("no row of a kind or a field")
	}
	f := &field{name: name, kind: words[1]}
	f.kind, f.list = strings.CutPrefix(f.kind, "[]")
	f.kind, f.dict = strings.CutPrefix(f.kind, "{}")
	for _, attribute := range words[2:] {
		if err := f.set(attribute); err != nil {
			return err
		}
	}
	s.types[owner] = append(s.types[owner], f)
	return nil
}

func (f *field) set(attribute string) (err error) {
	key, value, _ := strings.Cut(attribute, "=")
	switch key {
	case "required":
		f.required = true
	case "default":
		f.fallback = value
		if number, err := strconv.Atoi(value); err == nil {
			f.fallback = float64(number)
		}
	case "enum":
		f.enum = strings.Split(value, ",")
	case "min", "max":
		number, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		if key == "min" {
			f.min = &number
		} else {
			f.max = &number
		}
	case "items":
		f.items = make([]int, 2)
		_, err = fmt.Sscanf(value, "%d..%d", &f.items[0], &f.items[1])
	case "length":
		f.length, err = strconv.Atoi(value)
	case "pattern":
		f.pattern, err = regexp.Compile(value)
	case "in":
		f.versions = strings.Split(value, ",")
	case "release":
		f.release = Release(value)
	default:
		err = fmt.Errorf("unknown attribute %q", attribute)
	}
	return err
}

// fields returns the fields of a type in a version and a release.
func (s *schema) fields(name, version string, release Release) []*field {
	var out []*field
	for _, f := range s.types[name] {
		if (f.versions == nil || slices.Contains(f.versions, version)) && (f.release == "" || f.release == release) {
			out = append(out, f)
		}
	}
	return out
}

// elsewhere returns the versions in which a type has a field that this one lacks.
func (s *schema) elsewhere(k *hubKind, name, fieldName string, release Release) []string {
	var out []string
	for _, version := range k.versions {
		if slices.ContainsFunc(s.fields(name, version, release), func(f *field) bool { return f.name == fieldName }) {
			out = append(out, version)
		}
	}
	return out
}
