package placement

import (
	"fmt"
	"math"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// requires tells whether a member matches any of the required terms; without terms, all do.
func (p *schedulingPolicy) requires(m *Member, cache selectors) (bool, error) {
	a := p.clusterAffinity()
	if a == nil || a.Required == nil || len(a.Required.Terms) == 0 {
		return true, nil
	}
	for _, term := range a.Required.Terms {
		ok, err := term.matches(m, cache)
		if err != nil {
			return false, fmt.Errorf("failed to match the cluster against a required affinity term: %w", err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// matches tells whether a member has the labels of a term (a term without a selector asks
// for none) and meets all of its property expressions.
func (t selectorTerm) matches(m *Member, cache selectors) (bool, error) {
	ok, err := cache.match(t.LabelSelector, m)
	if err != nil || !ok || t.PropertySelector == nil {
		return ok, err
	}
	for _, e := range t.PropertySelector.MatchExpressions {
		if ok, err := e.holds(m); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// selectors are label selectors that have been parsed.
type selectors map[*metav1.LabelSelector]labels.Selector

// match tells whether a member has the labels of a selector; without one, all have.
func (c selectors) match(selector *metav1.LabelSelector, m *Member) (bool, error) {
	if selector == nil {
		return true, nil
	}
	parsed, ok := c[selector]
	if !ok {
		var err error
		if parsed, err = metav1.LabelSelectorAsSelector(selector); err != nil {
			return false, fmt.Errorf("failed to parse label selector: %w", err)
		}
		c[selector] = parsed
	}
	return parsed.Matches(labels.Set(m.Labels)), nil
}

// holds tells whether a member's property meets an expression. A property that it does not
// have meets none.
func (e propertyExpression) holds(m *Member) (bool, error) {
	is, err := m.property(e.Name)
	if err != nil || is == nil {
		return false, err
	}
	if len(e.Values) != 1 {
		return false, fmt.Errorf("more than one value in the property selector expression")
	}
	want, err := resource.ParseQuantity(e.Values[0])
	if err != nil {
		return false, fmt.Errorf("value specified in property selector %s is not a valid resource quantity: %w", e.Values[0], err)
	}
	c := is.Cmp(want)
	switch e.Operator {
	case "Eq":
		return c == 0, nil
	case "Ne":
		return c != 0, nil
	case "Gt":
		return c > 0, nil
	case "Ge":
		return c >= 0, nil
	case "Lt":
		return c < 0, nil
	case "Le":
		return c <= 0, nil
	}
	return false, fmt.Errorf("invalid operator: %s", e.Operator)
}

// property is the value of a member's property; nil when it does not have it. The name of
// a resource must not contain a dash.
func (m *Member) property(name string) (*resource.Quantity, error) {
	if rest, ok := strings.CutPrefix(name, resourcePrefix); ok {
		parts := strings.Split(rest, "-")
		if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
			return nil, fmt.Errorf("failed to retrieve resource property value for %s from cluster %s: invalid resource property name: %s", rest, m.Name, rest)
		}
		if parts[0] != "total" && parts[0] != "allocatable" && parts[0] != "available" {
			return nil, fmt.Errorf("failed to retrieve resource property value for %s from cluster %s: invalid capacity type %s in resource property name %s", rest, m.Name, parts[0], rest)
		}
	}
	value, ok := m.Properties[name]
	if !ok {
		return nil, nil
	}
	q, err := resource.ParseQuantity(value)
	if err != nil {
		return nil, fmt.Errorf("value %s of property %s from cluster %s is not a valid quantity: %w", value, name, m.Name, err)
	}
	return &q, nil
}

// preferences are the preferred terms with the extremes of the properties they sort by.
type preferences struct {
	terms    []preference
	extremes map[string]extremes // by property, over the whole fleet
}

type extremes struct{ low, high *resource.Quantity }

func (p *schedulingPolicy) preferences(members []*Member) (*preferences, error) {
	out := &preferences{extremes: map[string]extremes{}}
	if a := p.clusterAffinity(); a != nil {
		out.terms = a.Preferred
	}
	for _, t := range out.terms {
		if t.Preference.PropertySorter == nil {
			continue
		}
		name := t.Preference.PropertySorter.Name
		var e extremes
		for _, m := range members {
			q, err := m.property(name)
			if err != nil {
				return nil, fmt.Errorf("failed to prepare plugin state: %w", err)
			}
			if q != nil && (e.low == nil || q.Cmp(*e.low) < 0) {
				e.low = q
			}
			if q != nil && (e.high == nil || q.Cmp(*e.high) > 0) {
				e.high = q
			}
		}
		out.extremes[name] = e
	}
	return out, nil
}

// score adds up what the preferred terms give a member.
func (p *preferences) score(m *Member, cache selectors) (int, error) {
	sum := 0
	for _, t := range p.terms {
		if t.Weight == 0 {
			continue
		}
		ok, err := cache.match(t.Preference.LabelSelector, m)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		if t.Preference.PropertySorter == nil {
			sum += t.Weight
			continue
		}
		part, err := p.interpolate(m, t)
		if err != nil {
			return 0, fmt.Errorf("failed to calculate score for cluster %s: %w", m.Name, err)
		}
		sum += part
	}
	return sum, nil
}

// interpolate gives a member its share of a weight, by where its property lies between the
// fleet's extremes.
func (p *preferences) interpolate(m *Member, t preference) (int, error) {
	sorter := t.Preference.PropertySorter
	q, err := m.property(sorter.Name)
	if err != nil || q == nil {
		return 0, err
	}
	e := p.extremes[sorter.Name]
	low, high, is := e.low.AsApproximateFloat64(), e.high.AsApproximateFloat64(), q.AsApproximateFloat64()
	if math.IsInf(low, 0) || math.IsInf(high, 0) {
		return 0, fmt.Errorf("cannot interpolate weight, observed value %v, observed min %v, observed max %v", is, low, high)
	}
	if low == high {
		return 0, nil
	}
	part := (is - low) / (high - low)
	switch sorter.SortOrder {
	case "Descending":
	case "Ascending":
		part = 1 - part
	default:
		return 0, fmt.Errorf("cannot interpolate weight as sort order %s is invalid", sorter.SortOrder)
	}
	return int(math.Round(part * float64(t.Weight))), nil
}
