package scenarios

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
		return os.ReadFile(path)
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
	var f Fleet
	root, err := decode(path, content, &f)
	if err != nil {
		return nil, err
	}
	c := &checker{file: path, root: root}
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
		return nil, decodeError(file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w: has more than one document", file, ErrInvalid)
	}
	var root yaml.Node
	return &root, yaml.Unmarshal(content, &root)
}

// decodeError says each fault with its line, without the names of our types.
func decodeError(file string, err error) error {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %w: %s", file, ErrInvalid, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, fault := range faults.Errors {
		fault, _, _ = strings.Cut(fault, " in type ")
		all = append(all, fmt.Errorf("%s: %w: %s", file, ErrInvalid, fault))
	}
	return errors.Join(all...)
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
