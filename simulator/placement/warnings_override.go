package placement

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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

const withoutEffectFix = "patch /spec/rules/N/validate/failureAction of every rule, which is what decides"

// effects are the objects that the override changes without changing what they decide.
func (s overrideSnapshot) effects(content []policy.Object, m *Member, release Release) ([]string, error) {
	var out []string
	for _, o := range reachable(content, release) {
		if !s.selects(o) {
			continue
		}
		raw, _, err := s.apply(o.JSON, m)
		if err != nil {
			return nil, s.failure(o, err, Main)
		}
		if raw == nil {
			continue
		}
		after := withContent(o, raw)
		name := o.Kind + "/" + o.Name
		if sameContent(o, after) {
			out = append(out, fmt.Sprintf("the override is applied to %s and changes nothing: the hub's object has these values already", name))
		} else if s.touchesOnlyGeneralMode(m) && sameModes(o, after) {
			out = append(out, fmt.Sprintf("the override of /spec/validationFailureAction is applied to %s and changes no decision: every rule sets its own failureAction, so the member still says %s; KubeFleet reports success", name, cmpOr(string(policy.ModeOf(after)), "nothing")))
		}
	}
	return out, nil
}

func sameContent(a, b policy.Object) bool {
	var x, y any
	if json.Unmarshal(a.JSON, &x) != nil || json.Unmarshal(b.JSON, &y) != nil {
		return false
	}
	return hashOf(x) == hashOf(y)
}

// touchesOnlyGeneralMode tells whether all that the override does on the member is to set
// the mode that counts for rules without their own.
func (s overrideSnapshot) touchesOnlyGeneralMode(m *Member) bool {
	found := false
	for _, r := range s.spec.Policy.OverrideRules {
		if !r.matches(m) {
			continue
		}
		for _, p := range r.JSONPatchOverrides {
			if p.Path != "/spec/validationFailureAction" {
				return false
			}
			found = true
		}
	}
	return found
}

// sameModes compares the modes of two versions of a policy, rule by rule.
func sameModes(a, b policy.Object) bool { return slices.Equal(ruleModes(a), ruleModes(b)) }

// ruleModes are the modes of a policy's rules, each as if it were alone.
func ruleModes(o policy.Object) []policy.Mode {
	var content map[string]any
	if json.Unmarshal(o.JSON, &content) != nil {
		return nil
	}
	spec, _ := content["spec"].(map[string]any)
	rules, _ := spec["rules"].([]any)
	var out []policy.Mode
	for _, rule := range rules {
		spec["rules"] = []any{rule}
		raw, err := json.Marshal(content)
		if err != nil {
			return nil
		}
		one := o
		one.JSON = raw
		out = append(out, policy.ModeOf(one))
	}
	return out
}

// orderHint warns of overrides whose order depends on how often they have changed.
func orderFlips(a, b overrideSnapshot) bool {
	byName := strings.Compare(a.Name, b.Name)
	return byName*strings.Compare(a.snapshotName(), b.snapshotName()) < 0
}
