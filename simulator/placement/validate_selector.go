package placement

import "fmt"

// resourceSelector checks one selector; known is false when the hub does not serve its kind.
func (v *validator) resourceSelector(p *placement, s resourceSelector) (out []error, known bool) {
	if s.LabelSelector != nil {
		if s.Name != "" {
			out = append(out, fmt.Errorf("the labelSelector and name fields are mutually exclusive in selector %+v", s))
		}
		if err := labelSelectorFault(s.LabelSelector, "resource selector"); err != nil {
			out = append(out, err)
		}
	}
	if err := v.kinds.mapped(s); err != nil {
		return append(out, fmt.Errorf("failed to get GVR of the selector: %w", err)), false
	}
	kind := v.kinds[groupKind{s.Group, s.Kind}]
	if kind != nil && kind.namespaced && !selectsWithin(p.spec.ResourceSelectors) {
		out = append(out, fmt.Errorf("the resource is not found in schema (please retry) or it is not a cluster scoped resource: %s/%s, Kind=%s", s.Group, s.Version, s.Kind))
	}
	return out, true
}

// mapped says why the hub has no such kind: the kind of a group that is known, or its
// version, does not exist. Of groups that are not known, nothing can be said.
func (k kinds) mapped(s resourceSelector) error {
	kind, groupKnown := k[groupKind{s.Group, s.Kind}], false
	if kind != nil {
		for _, v := range kind.versions {
			if v == s.Version {
				return nil
			}
		}
	}
	for gk := range k {
		groupKnown = groupKnown || gk.group == s.Group
	}
	if !groupKnown {
		return nil
	}
	return fmt.Errorf("no matches for kind %q in version %q", s.Kind, apiVersion(s.Group, s.Version))
}

// selectsWithin tells whether a selector takes a namespace together with the resources
// that the other selectors name in it.
func selectsWithin(selectors []resourceSelector) bool {
	for _, s := range selectors {
		if s.isNamespace() && s.SelectionScope == namespaceWithResourceSelectors {
			return true
		}
	}
	return false
}

func (s resourceSelector) isNamespace() bool {
	return s.Group == "" && s.Version == "v1" && s.Kind == "Namespace"
}
