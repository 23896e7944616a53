package placement

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/simulator/policy"
)

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
