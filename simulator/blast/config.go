package blast

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/seatrial/seatrial/simulator/drift"
	"github.com/seatrial/seatrial/simulator/strict"
)

// Config is the file seatrial.yaml. Its zero value is the default: team labels "team" and
// "owner", nothing newly denied, nothing newly undecided, no new errors.
type Config struct {
	APIVersion string `yaml:"apiVersion" json:"apiVersion"` // "seatrial.dev/v1alpha1"
	Kind       string `yaml:"kind" json:"kind"`             // "Config"
	Team       Team   `yaml:"team" json:"team,omitempty"`
	Budget     Budget `yaml:"budget" json:"budget,omitempty"`
}

// Team says which label or annotation names the owning team. The workload's own are read
// before the namespace's, labels before annotations, in the order given.
type Team struct {
	Labels      []string `yaml:"labels" json:"labels,omitempty"`
	Annotations []string `yaml:"annotations" json:"annotations,omitempty"`
}

// Budget says how much change is allowed. An absent limit of NewlyDenied, Undecided and
// Errors is 0; an absent limit of the others is none.
type Budget struct {
	NewlyDenied  Limits   `yaml:"newlyDenied" json:"newlyDenied,omitempty"`
	NewlyFailing Limits   `yaml:"newlyFailing" json:"newlyFailing,omitempty"`
	Undecided    Limits   `yaml:"undecided" json:"undecided,omitempty"` // requests whose decision is not known, because of a rule that was not undecided before
	Errors       Limits   `yaml:"errors" json:"errors,omitempty"`
	Mutations    Limits   `yaml:"mutations" json:"mutations,omitempty"`
	Exempt       []Exempt `yaml:"exempt" json:"exempt,omitempty"`
	// Hub limits what of a hub change may stay undone.
	Hub Hub `yaml:"hub" json:"hub,omitempty"`
	// Drift limits the findings of the verb drift.
	Drift drift.Budget `yaml:"drift" json:"drift,omitempty"`
}

// Exempts tells whether the budget does not count what happens in a namespace of a cluster
// with the given labels.
func (b *Budget) Exempts(labels map[string]string, namespace string) bool {
	return slices.ContainsFunc(b.Exempt, func(e Exempt) bool { return e.covers(labels, namespace) })
}

// Hub limits what of a hub change may stay undone; an absent limit is 0.
type Hub struct {
	Refused *int `yaml:"refused" json:"refused,omitempty"` // parts that an API server, KubeFleet or members refuse
	Behind  *int `yaml:"behind" json:"behind,omitempty"`   // clusters to which nothing brings what the hub intends
}

func (h Hub) check(f *strict.File, at string) {
	for _, part := range []struct {
		name  string
		value *int
	}{{"refused", h.Refused}, {"behind", h.Behind}} {
		if part.value != nil && *part.value < 0 {
			f.Fault(at+"."+part.name, "%d, want 0 or more", *part.value)
		}
	}
}

// Limits are upper bounds; nil is the default.
type Limits struct {
	Requests  *int     `yaml:"requests" json:"requests,omitempty"`
	Workloads *int     `yaml:"workloads" json:"workloads,omitempty"`
	Clusters  *int     `yaml:"clusters" json:"clusters,omitempty"`
	Percent   *float64 `yaml:"percent" json:"percent,omitempty"` // of the judged requests
}

// Exempt names what the budget does not count: clusters with all of the labels, and in
// them the namespaces that match a pattern ("sandbox-*"). An absent part matches all.
type Exempt struct {
	Clusters   ByLabels `yaml:"clusters" json:"clusters,omitempty"`
	Namespaces []string `yaml:"namespaces" json:"namespaces,omitempty"`
}

// ByLabels picks the clusters that have all of the labels.
type ByLabels struct {
	MatchLabels map[string]string `yaml:"matchLabels" json:"matchLabels,omitempty"`
}

// ParseConfig reads seatrial.yaml. Unknown fields and impossible values are errors that
// name the file and line.
func ParseConfig(file string, content []byte) (Config, error) {
	var c Config
	f, err := strict.Read(file, content, &c)
	if err != nil {
		return c, err
	}
	f.Head(c.APIVersion, c.Kind, "Config")
	limits := c.Budget.limits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		limits[name].check(f, "budget."+name)
	}
	c.Budget.Hub.check(f, "budget.hub")
	c.Budget.Drift.Check(f, "budget.drift")
	for i, e := range c.Budget.Exempt {
		for j, pattern := range e.Namespaces {
			if _, err := path.Match(pattern, ""); err != nil {
				f.Fault(fmt.Sprintf("budget.exempt[%d].namespaces[%d]", i, j), "%q is no pattern (hint: it takes *, ? and [a-z])", pattern)
			}
		}
	}
	return c, f.Err()
}

func (b *Budget) limits() map[string]Limits {
	return map[string]Limits{
		"newlyDenied": b.NewlyDenied, "newlyFailing": b.NewlyFailing, "undecided": b.Undecided,
		"errors": b.Errors, "mutations": b.Mutations,
	}
}

func (l Limits) check(f *strict.File, at string) {
	for _, part := range []struct {
		name  string
		value *int
	}{{"requests", l.Requests}, {"workloads", l.Workloads}, {"clusters", l.Clusters}} {
		if part.value != nil && *part.value < 0 {
			f.Fault(at+"."+part.name, "%d, want 0 or more", *part.value)
		}
	}
	if l.Percent != nil && !(*l.Percent >= 0 && *l.Percent <= 100) {
		f.Fault(at+".percent", "%s, want 0 to 100", strconv.FormatFloat(*l.Percent, 'g', -1, 64))
	}
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
