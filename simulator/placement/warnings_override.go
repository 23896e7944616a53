package placement

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
)

// reviewOverride warns of an override that finds nothing, fails, or changes nothing.
func (w *world) reviewOverride(s overrideSnapshot) {
	var objects []policy.Object
	for _, p := range w.order {
		if s.pinned() && s.placementKey() != p.key {
			continue
		}
		content := p.content
		if latest := p.snapshots.latest(); latest != nil {
			content = latest.objects
		}
		if s.pinned() && p.kind == "ResourcePlacement" && !p.rolls() {
			w.warn(s.warning("override-ignored-by-runs", "the override is for the ResourcePlacement "+p.key+" with scope Namespaced, and its strategy is External: update runs look for overrides by the placement's bare name, so that this one never matches", "leave out spec.placement"))
			return
		}
		matched := matchOverrides([]overrideSnapshot{s}, p.key, content, w.release)
		if len(matched) == 0 {
			continue
		}
		for _, o := range reachable(content, w.release) {
			if s.selects(o) {
				objects = append(objects, o)
			}
		}
		w.reviewMembers(s, p, content)
	}
	if len(objects) == 0 {
		w.warnNoObject(s)
	} else if !slices.ContainsFunc(w.members, func(m *Member) bool { return len(pickOverrides([]overrideSnapshot{s}, m)) > 0 }) {
		w.warn(s.warning("override-no-cluster", "no cluster of the fleet matches any of the override's rules", s.selectorHint()))
	}
}

// selectorHint explains the selectors that match nothing by their shape.
func (s overrideSnapshot) selectorHint() string {
	for _, r := range s.spec.Policy.OverrideRules {
		if r.ClusterSelector == nil {
			return "a rule without clusterSelector matches no cluster: write clusterSelector: {clusterSelectorTerms: []} for all"
		}
		for _, t := range r.ClusterSelector.Terms {
			if t.LabelSelector == nil {
				return "a term without labelSelector matches no cluster"
			}
		}
	}
	return ""
}

// warnNoObject tells why an override changes no object.
func (w *world) warnNoObject(s overrideSnapshot) {
	if s.pinned() && !slices.ContainsFunc(w.order, func(p *placed) bool { return p.key == s.placementKey() }) {
		w.warn(s.warning("override-no-placement", fmt.Sprintf("the override is for placement %s, which is not there", s.placementKey()), ""))
		return
	}
	fix := ""
	for _, o := range w.hub.Objects {
		if isEnvelope(o) {
			inner, _ := unwrap(o)
			if slices.ContainsFunc(inner, s.selects) {
				fix = fmt.Sprintf("the object is within the envelope %s, and KubeFleet %s applies no overrides there", o.Name, w.release)
			}
			continue
		}
		if s.selects(o) {
			fix = "the object is on the hub, and no placement of the override selects it"
		} else if fix == "" && s.selectsOtherVersion(o) {
			fix = fmt.Sprintf("the hub has the object as %s: group, version, kind and name have to be the same", o.APIVersion)
		}
	}
	w.warn(s.warning("override-no-object", "no object of a placement is what the override selects", fix))
}

func (s overrideSnapshot) selectsOtherVersion(o policy.Object) bool {
	for _, r := range append(slices.Clone(s.spec.ClusterResourceSelectors), s.spec.ResourceSelectors...) {
		group, _ := splitVersion(o.APIVersion)
		if r.Group == group && r.Kind == o.Kind && r.Name == o.Name {
			return true
		}
	}
	return false
}

// reviewMembers looks at what the override makes of each object on each selected member.
func (w *world) reviewMembers(s overrideSnapshot, p *placed, content []policy.Object) {
	without := map[string][]string{} // by what is wrong
	var noLabel, failing []string
	reason := ""
	for _, cluster := range p.clusters(func(b *binding) bool { return b.State != unscheduled }) {
		m := w.member(cluster)
		if m == nil || len(pickOverrides([]overrideSnapshot{s}, m)) == 0 {
			continue
		}
		effects, err := s.effects(content, m, w.release)
		switch {
		case errors.Is(err, errNoLabel):
			noLabel, reason = append(noLabel, cluster), err.Error()
		case err != nil:
			failing, reason = append(failing, cluster), err.Error()
		}
		for _, text := range effects {
			without[text] = append(without[text], cluster)
		}
	}
	if len(noLabel) > 0 {
		w.warn(s.warning("override-missing-label", "a value refers to a label that these clusters do not have: "+reason+"; they keep what they have, and nothing is tried again until something changes", "set the label, or keep the rule from these clusters", noLabel...))
	}
	if len(failing) > 0 {
		w.warn(s.warning("override-fails", "a patch cannot be applied: "+reason+"; these clusters keep what they have, and nothing is tried again until something changes", "replace and remove need a path that is there; add makes the last part of a path only", failing...))
	}
	for _, text := range sortedKeys(without) {
		w.warn(s.warning("override-without-effect", text, withoutEffectFix, without[text]...))
	}
}
