package scenarios

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ErrInvalid marks the faults of a file's content.
var ErrInvalid = errors.New("invalid")

// LoadScenario reads a scenario from a file or, as library:NAME, from the library.
func LoadScenario(path string) (*Scenario, error) {
	content, err := read(path)
	if err != nil {
		return nil, err
	}
	return ParseScenario(path, content)
}

func read(path string) ([]byte, error) {
	name, ok := strings.CutPrefix(path, "library:")
	if !ok {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && slices.Contains(Names(), path) {
			err = fmt.Errorf("%w (hint: the library's is library:%s)", err, path)
		}
		return content, err
	}
	content, err := Library.ReadFile("library/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("%w: the library has no scenario %q (it has %s)", ErrInvalid, name, strings.Join(Names(), ", "))
	}
	return content, nil
}

// Names lists the scenarios of the library, sorted.
func Names() []string {
	entries, _ := Library.ReadDir("library")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// ParseScenario reads a scenario; file is for messages.
func ParseScenario(file string, content []byte) (*Scenario, error) {
	var s Scenario
	root, err := decode(file, content, &s)
	if err != nil {
		return nil, err
	}
	c := &checker{file: file, root: root}
	c.head(s.APIVersion, s.Kind, "Scenario")
	c.scenario(&s)
	if s.Seed == 0 {
		s.Seed = 1
	}
	return &s, c.err()
}

// LoadFleet reads a fleet from a file.
func LoadFleet(path string) (*Fleet, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseFleet(path, content)
}

// ParseFleet reads a fleet; file is for messages.
func ParseFleet(file string, content []byte) (*Fleet, error) {
	var f Fleet
	root, err := decode(file, content, &f)
	if err != nil {
		return nil, err
	}
	c := &checker{file: file, root: root}
	c.head(f.APIVersion, f.Kind, "Fleet")
	c.fleet("spec", f.Spec)
	return &f, c.err()
}

// decode reads one document strictly into v and returns its nodes, which know their lines.
func decode(file string, content []byte, v any) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w: the file is empty", file, ErrInvalid)
		}
		return nil, decodeError(file, err, reflect.TypeOf(v).Elem())
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w: has more than one document", file, ErrInvalid)
	}
	var root yaml.Node
	return &root, yaml.Unmarshal(content, &root)
}

// decodeError says each fault with its line, without the names of our types; root is the
// type that was read.
func decodeError(file string, err error, root reflect.Type) error {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %w: %s", file, ErrInvalid, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, fault := range faults.Errors {
		fault, name, unknown := strings.Cut(fault, " in type ")
		if unknown {
			fault += " (known: " + strings.Join(fields(root, name), ", ") + ")"
		}
		if m := otherType.FindStringSubmatch(fault); m != nil {
			fault = fmt.Sprintf("%s: %s, want %s", m[1], cmp.Or(m[3], written[m[2]]), wanted(root, m[4]))
		}
		all = append(all, fmt.Errorf("%s: %w: %s", file, ErrInvalid, fault))
	}
	return errors.Join(all...)
}

var (
	otherType = regexp.MustCompile("^(line [0-9]+): cannot unmarshal !!([a-z]+)(?: `(.*)`)? into (.+)$")
	written   = map[string]string{"seq": "a list", "map": "fields"}
	types     = map[string]string{
		"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number", "bool": "true or false", "string": "text",
		"[]string": "a list", "map[string]string": "names with values", "map[string]bool": "names, each true or false",
	}
)

// wanted says in words what belongs where a value of the Go type is read.
func wanted(root reflect.Type, name string) string {
	if words := types[name]; words != "" {
		return words
	}
	if strings.HasPrefix(name, "map[") {
		return types["map[string]string"]
	}
	if known := fields(root, name); known != nil {
		return "fields (" + strings.Join(known, ", ") + ")"
	}
	return "a list"
}

// fields are the fields, as written in a file, of the type of that name in root.
func fields(root reflect.Type, name string) (names []string) {
	switch root.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fields(root.Elem(), name)
	case reflect.Struct:
	default:
		return nil
	}
	for i := range root.NumField() {
		if root.String() == name {
			tag, _, _ := strings.Cut(root.Field(i).Tag.Get("yaml"), ",")
			names = append(names, tag)
		} else if names = fields(root.Field(i).Type, name); names != nil {
			return names
		}
	}
	return names
}

// UnmarshalYAML reads 30s or 2m.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := time.ParseDuration(n.Value)
	if err != nil || parsed < 0 {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is no length of time (write 30s or 2m)", n.Line, n.Value)}}
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes it as it is read.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }
