package blast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seatrial/seatrial/simulator/drift"
)

// Config is the file seatrial.yaml. Its zero value is the default: team labels "team" and
// "owner", nothing newly denied, nothing undecided that was decided, no new errors.
type Config struct {
	APIVersion string `yaml:"apiVersion"` // "seatrial.dev/v1alpha1"
	Kind       string `yaml:"kind"`       // "Config"
	Team       Team   `yaml:"team"`
	Budget     Budget `yaml:"budget"`
}

// Team says which label or annotation names the owning team. The workload's own are read
// before the namespace's, labels before annotations, in the order given.
type Team struct {
	Labels      []string `yaml:"labels"`
	Annotations []string `yaml:"annotations"`
}

// Budget says how much change is allowed. An absent limit of NewlyDenied, Undecided and
// Errors is 0; an absent limit of the others is none.
type Budget struct {
	NewlyDenied  Limits   `yaml:"newlyDenied"`
	NewlyFailing Limits   `yaml:"newlyFailing"`
	Undecided    Limits   `yaml:"undecided"` // requests whose decision was known and is not any more
	Errors       Limits   `yaml:"errors"`
	Mutations    Limits   `yaml:"mutations"`
	Exempt       []Exempt `yaml:"exempt"`
	// Drift limits the findings of the verb drift.
	Drift drift.Budget `yaml:"drift"`
}

// Exempts tells whether the budget does not count what happens in a namespace of a cluster
// with the given labels.
func (b *Budget) Exempts(labels map[string]string, namespace string) bool {
	return slices.ContainsFunc(b.Exempt, func(e Exempt) bool { return e.covers(labels, namespace) })
}

// Limits are upper bounds; nil is the default.
type Limits struct {
	Requests  *int     `yaml:"requests"`
	Workloads *int     `yaml:"workloads"`
	Clusters  *int     `yaml:"clusters"`
	Percent   *float64 `yaml:"percent"` // of the judged requests
}

// Exempt names what the budget does not count: clusters with all of the labels, and in
// them the namespaces that match a pattern ("sandbox-*"). An absent part matches all.
type Exempt struct {
	Clusters struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"clusters"`
	Namespaces []string `yaml:"namespaces"`
}

// ParseConfig reads seatrial.yaml. Unknown fields and impossible values are errors that
// name the file and line.
func ParseConfig(file string, content []byte) (Config, error) {
	var c Config
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		if errors.Is(err, io.EOF) {
			return c, fmt.Errorf("%s: is empty", file)
		}
		return c, decodeError(file, err)
	}
	var faults []error
	if c.APIVersion != "seatrial.dev/v1alpha1" {
		faults = append(faults, fmt.Errorf("%s: apiVersion: %q, want \"seatrial.dev/v1alpha1\"", file, c.APIVersion))
	}
	if c.Kind != "Config" {
		faults = append(faults, fmt.Errorf("%s: kind: %q, want \"Config\"", file, c.Kind))
	}
	limits := c.Budget.limits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		faults = append(faults, limits[name].check(file, "budget."+name)...)
	}
	faults = append(faults, c.Budget.Drift.Check(file, "budget.drift")...)
	for i, e := range c.Budget.Exempt {
		for _, pattern := range e.Namespaces {
			if _, err := path.Match(pattern, ""); err != nil {
				faults = append(faults, fmt.Errorf("%s: budget.exempt[%d].namespaces: %q is no pattern", file, i, pattern))
			}
		}
	}
	return c, errors.Join(faults...)
}

// decodeError says each fault with its line, without the names of our types.
func decodeError(file string, err error) error {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, fault := range faults.Errors {
		fault, _, _ = strings.Cut(fault, " in type ")
		all = append(all, fmt.Errorf("%s: %s", file, fault))
	}
	return errors.Join(all...)
}

func (b *Budget) limits() map[string]Limits {
	return map[string]Limits{
		"newlyDenied": b.NewlyDenied, "newlyFailing": b.NewlyFailing, "undecided": b.Undecided,
		"errors": b.Errors, "mutations": b.Mutations,
	}
}

func (l Limits) check(file, where string) []error {
	var faults []error
	for _, part := range []struct {
		name  string
		value *int
	}{{"requests", l.Requests}, {"workloads", l.Workloads}, {"clusters", l.Clusters}} {
		if part.value != nil && *part.value < 0 {
			faults = append(faults, fmt.Errorf("%s: %s.%s: %d, want 0 or more", file, where, part.name, *part.value))
		}
	}
	if l.Percent != nil && (*l.Percent < 0 || *l.Percent > 100) {
		faults = append(faults, fmt.Errorf("%s: %s.percent: %s, want 0 to 100", file, where, strconv.FormatFloat(*l.Percent, 'g', -1, 64)))
	}
	return faults
}

func (e Exempt) covers(labels map[string]string, namespace string) bool {
	for key, value := range e.Clusters.MatchLabels {
		if labels[key] != value {
			return false
		}
	}
	if len(e.Namespaces) == 0 {
		return true
	}
	for _, pattern := range e.Namespaces {
		if ok, _ := path.Match(pattern, namespace); ok {
			return true
		}
	}
	return false
}

func (t Team) orDefault() Team {
	if len(t.Labels)+len(t.Annotations) == 0 {
		return Team{Labels: []string{"team", "owner"}}
	}
	return t
}
