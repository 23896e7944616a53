package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (v *validator) required(a *clusterAffinity) []error {
	if a.Required == nil {
		return nil
	}
	var out []error
	for _, term := range a.Required.Terms {
		if err := labelSelectorFault(term.LabelSelector, "cluster selector"); err != nil {
			out = append(out, err)
		}
		if term.PropertySorter != nil {
			out = append(out, fmt.Errorf("PropertySorter is not allowed for RequiredDuringSchedulingIgnoredDuringExecution affinity"))
		}
		if term.PropertySelector != nil {
			out = append(out, v.properties(term.PropertySelector.MatchExpressions)...)
		}
	}
	return out
}

func (v *validator) preferred(a *clusterAffinity) []error {
	var out []error
	for _, p := range a.Preferred {
		if err := labelSelectorFault(p.Preference.LabelSelector, "preferred cluster selector"); err != nil {
			out = append(out, err)
		}
		if p.Preference.PropertySelector != nil {
			out = append(out, fmt.Errorf("PropertySelector is not allowed for PreferredDuringSchedulingIgnoredDuringExecution affinity"))
		}
		if sorter := p.Preference.PropertySorter; sorter != nil {
			if err := propertyNameFault(sorter.Name); err != nil {
				out = append(out, err)
			}
			if sorter.SortOrder != "Descending" && sorter.SortOrder != "Ascending" {
				out = append(out, fmt.Errorf("invalid property sort order %s", sorter.SortOrder))
			}
		}
	}
	return out
}

// properties checks the expressions of a term. At e160c1c expressions on one property must
// not exclude each other.
func (v *validator) properties(expressions []propertyExpression) []error {
	var out []error
	byName := map[string][]propertyExpression{}
	for _, e := range expressions {
		if err := propertyNameFault(e.Name); err != nil {
			out = append(out, fmt.Errorf("invalid property name %s: %w", e.Name, err))
		}
		if v.release == Main {
			if err := expressionFault(e); err != nil {
				out = append(out, fmt.Errorf("invalid requirement on property %s: %w", e.Name, err))
			}
		} else {
			out = append(out, expressionFaultsOfV031(e)...)
		}
		byName[e.Name] = append(byName[e.Name], e)
	}
	if v.release != Main {
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if err := contradiction(byName[name]); err != nil {
			out = append(out, fmt.Errorf("inconsistent requirements on property %s: %w", name, err))
		}
	}
	return out
}

var operators = []string{"Gt", "Ge", "Eq", "Ne", "Lt", "Le"}

func expressionFaultsOfV031(e propertyExpression) []error {
	var out []error
	if slices.Contains(operators, e.Operator) && len(e.Values) != 1 {
		out = append(out, fmt.Errorf("operator %s requires exactly one value, got %d", e.Operator, len(e.Values)))
	}
	for _, value := range e.Values {
		if _, err := resource.ParseQuantity(value); err != nil {
			return append(out, fmt.Errorf("invalid values for property %s: value %s is not a valid resource.Quantity: %w", e.Name, value, err))
		}
	}
	return out
}

func expressionFault(e propertyExpression) error {
	if !slices.Contains(operators, e.Operator) {
		return fmt.Errorf("unsupported operator %s", e.Operator)
	}
	if len(e.Values) != 1 {
		return fmt.Errorf("operator %s requires exactly one value, got %d", e.Operator, len(e.Values))
	}
	if _, err := resource.ParseQuantity(e.Values[0]); err != nil {
		return fmt.Errorf("value %q is not a valid resource.Quantity: %w", e.Values[0], err)
	}
	return nil
}

// interval is what the expressions on one property leave of its values.
type interval struct {
	low, high         *resource.Quantity
	openLow, openHigh bool
	equal             *resource.Quantity
	different         []resource.Quantity
}

// contradiction says why no value can meet all expressions.
func contradiction(expressions []propertyExpression) error {
	if len(expressions) < 2 {
		return nil
	}
	var in interval
	for _, e := range expressions {
		if expressionFault(e) != nil {
			continue // said already
		}
		if err := in.narrow(e.Operator, resource.MustParse(e.Values[0])); err != nil {
			return err
		}
	}
	return in.empty()
}

func (in *interval) narrow(operator string, q resource.Quantity) error {
	switch operator {
	case "Gt", "Ge":
		open := operator == "Gt"
		if in.low == nil || q.Cmp(*in.low) > 0 || q.Cmp(*in.low) == 0 && open {
			in.low, in.openLow = &q, open
		}
	case "Lt", "Le":
		open := operator == "Lt"
		if in.high == nil || q.Cmp(*in.high) < 0 || q.Cmp(*in.high) == 0 && open {
			in.high, in.openHigh = &q, open
		}
	case "Ne":
		in.different = append(in.different, q)
	case "Eq":
		if in.equal != nil && in.equal.Cmp(q) != 0 {
			return fmt.Errorf("conflicting Eq values %s and %s", in.equal, &q)
		}
		in.equal = &q
	}
	return nil
}

func (in *interval) empty() error {
	for _, q := range in.different {
		if in.equal != nil && in.equal.Cmp(q) == 0 {
			return fmt.Errorf("conflicting Eq and Ne on same value %s", in.equal)
		}
	}
	if in.low != nil && in.high != nil {
		if c := in.low.Cmp(*in.high); c > 0 || c == 0 && (in.openLow || in.openHigh) {
			return fmt.Errorf("lower bound (%s) and upper bound (%s) exclude all values", in.low, in.high)
		}
	}
	if in.equal == nil {
		return nil
	}
	if in.low != nil {
		if c := in.equal.Cmp(*in.low); c < 0 || c == 0 && in.openLow {
			return fmt.Errorf("eq value %s violates lower bound %s", in.equal, in.low)
		}
	}
	if in.high != nil {
		if c := in.equal.Cmp(*in.high); c > 0 || c == 0 && in.openHigh {
			return fmt.Errorf("eq value %s violates upper bound %s", in.equal, in.high)
		}
	}
	return nil
}

// propertyNameFault says what is wrong with the name of a property. Those of resources are
// PREFIX/CAPACITY-RESOURCE; others are segments between slashes, perhaps after a domain.
func propertyNameFault(name string) error {
	if rest, ok := strings.CutPrefix(name, resourcePrefix); ok {
		capacity, _, ok := strings.Cut(rest, "-")
		if !ok {
			return fmt.Errorf("invalid resource property name %s, expected format is [PREFIX]/[CAPACITY_TYPE]-[RESOURCE_NAME]", name)
		}
		if !slices.Contains(capacities, capacity) {
			return fmt.Errorf("invalid capacity type in resource property name %s, supported values are %+v", name, capacities)
		}
		return segmentFault("property name %s is not valid: %s", name)
	}
	first, rest, prefixed := strings.Cut(name, "/")
	if !prefixed {
		return segmentFault("property name %s is not valid: %s", name)
	}
	domain, label := validation.IsDNS1123Subdomain(first), validation.IsQualifiedName(first)
	if len(domain) != 0 && len(label) != 0 {
		return fmt.Errorf("property name first segment %s is not valid: it is neither a valid DNS subdomain (%s) nor a valid qualified name (%s)", first, strings.Join(domain, "; "), strings.Join(label, "; "))
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if err := segmentFault("property name segment %s is not valid: %s", segment); err != nil {
			return err
		}
	}
	return nil
}

var capacities = []string{"allocatable", "available", "total"}

func segmentFault(format, segment string) error {
	if wrong := validation.IsQualifiedName(segment); wrong != nil {
		return fmt.Errorf(format, segment, strings.Join(wrong, "; "))
	}
	return nil
}
