package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seatrial/seatrial/simulator/strict"
)

// ErrInvalid marks the faults of a file's content.
var ErrInvalid = strict.ErrInvalid

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
	read, err := strict.Read(file, content, &s)
	if err != nil {
		return nil, err
	}
	c := &checker{read}
	c.Head(s.APIVersion, s.Kind, "Scenario")
	c.scenario(&s)
	if s.Seed == 0 {
		s.Seed = 1
	}
	return &s, c.Err()
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
	read, err := strict.Read(file, content, &f)
	if err != nil {
		return nil, err
	}
	c := &checker{read}
	c.Head(f.APIVersion, f.Kind, "Fleet")
	c.fleet("spec", f.Spec)
	return &f, c.Err()
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
