package kyverno

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/engine/anchor"
)

// A wildcard in a key of labels or annotations of a pattern stands for one of the keys that it
// matches, which Kyverno draws; see its package wildcards.

// wildKey finds rules that may have one.
var wildKey = regexp.MustCompile(`(labels|annotations)\)?":\{[^}]*[*?]`)

// most bounds the patterns that are made of one.
const most = 32

// expander makes all patterns that Kyverno may make of one for an object.
type expander struct{ unclear bool } // there are more, or they cannot be told

// of are the patterns for a resource.
func (x *expander) of(pattern, resource any) []any {
	switch pattern := pattern.(type) {
	case map[string]any:
		object, ok := resource.(map[string]any)
		if !ok {
			break
		}
		return x.product(pattern, func(key string, value any) []any {
			inner, isMap := value.(map[string]any)
			if metadata, ok := object[key].(map[string]any); key == "metadata" && isMap && ok {
				return x.metadata(inner, metadata)
			}
			return x.of(value, object[key])
		})
	case []any:
		elements, _ := resource.([]any)
		for _, one := range pattern {
			for _, element := range elements {
				x.unclear = x.unclear || len(x.of(one, element)) > 1 // each draws for itself
			}
		}
	}
	return []any{pattern}
}

func (x *expander) metadata(pattern, metadata map[string]any) []any {
	return x.product(pattern, func(key string, value any) []any {
		wild, isMap := value.(map[string]any)
		if held, ok := metadata[key].(map[string]any); ok && isMap && (key == "labels" || key == "annotations") {
			return x.keys(wild, held)
		}
		return x.of(value, metadata[key])
	})
}

// product has a map for each combination of what the values may become. Keys come without anchors.
func (x *expander) product(pattern map[string]any, become func(key string, value any) []any) []any {
	all := []map[string]any{{}}
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		var next []map[string]any
		for _, value := range become(withoutAnchor(key), pattern[key]) {
			for _, made := range all {
				made = maps.Clone(made)
				made[key] = value
				next = append(next, made)
			}
		}
		all = x.bounded(next)
	}
	return anys(all)
}

// keys are the patterns of labels or annotations, with keys of the object for wildcards. Of two
// that come to the same key, either may have the last word.
func (x *expander) keys(pattern, held map[string]any) []any {
	all := []map[string]any{{}}
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		var next []map[string]any
		for _, stands := range x.matching(key, pattern[key], held) {
			for _, made := range all {
				if before, ok := made[stands]; ok && before != pattern[key] {
					next = append(next, made)
				}
				made = maps.Clone(made)
				made[stands] = pattern[key]
				next = append(next, made)
			}
		}
		all = x.bounded(next)
	}
	return anys(all)
}

// matching are the keys that one of a pattern may stand for.
func (x *expander) matching(key string, value any, held map[string]any) (found []string) {
	if _, plain := value.(string); !plain || !wildcard.ContainsWildcard(key) {
		return []string{key}
	}
	x.unclear = x.unclear || strings.Contains(key, "{{") && len(held) > 1
	for _, one := range slices.Sorted(maps.Keys(held)) {
		if !wildcard.Match(withoutAnchor(key), one) {
			continue
		}
		if a := anchor.Parse(key); a != nil {
			one = anchor.String(a.Type(), one)
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		return []string{key}
	}
	return found
}

func (x *expander) bounded(all []map[string]any) []map[string]any {
	if len(all) > most {
		x.unclear = true
		return all[:most]
	}
	return all
}

func anys(all []map[string]any) []any {
	out := make([]any, len(all))
	for i := range all {
		out[i] = all[i]
	}
	return out
}

// withoutAnchor is a key without its anchor.
func withoutAnchor(key string) string {
	if a := anchor.Parse(key); a != nil {
		return a.Key()
	}
	return key
}

// expanded are the policies that Kyverno may make of this one for a request by drawing keys;
// none where nothing is drawn. unclear are rules of which that cannot be told.
func (c *classic) expanded(req *request) (ways []*classic, unclear []string) {
	var object, old any
	_ = json.Unmarshal(req.adm.Object.Raw, &object) // without one, there is nothing to match
	_ = json.Unmarshal(req.adm.OldObject.Raw, &old)
	rules := installAutogenMemo().ComputeRules(c.policy, "")
	all := make([][]kyvernov1.Rule, len(rules))
	count, settled := 1, false
	for i, rule := range rules {
		all[i] = []kyvernov1.Rule{rule}
		if !c.needs.rules[rule.Name].wild || rule.Validation == nil && rule.Mutation == nil {
			continue
		}
		x := &expander{}
		if rule.Mutation != nil {
			all[i] = []kyvernov1.Rule{x.mutation(rule, object)}
			settled = settled || x.unclear
		} else {
			all[i] = x.rules(rule, object)
		}
		if old != nil && c.needs.rules[rule.Name].keepsOld { // it is asked about the old object, too
			before := x.rules(rule, old)
			x.unclear = x.unclear || max(len(all[i]), len(before)) > 1 && !sameRules(all[i], before)
		}
		if x.unclear {
			unclear = append(unclear, rule.Name)
		}
		count = max(count, len(all[i]))
	}
	if count == 1 && !settled {
		return nil, unclear
	}
	for n := range count {
		made := make([]kyvernov1.Rule, len(rules))
		for i := range rules {
			made[i] = all[i][n%len(all[i])]
		}
		ways = append(ways, c.withWritten(made))
	}
	return ways, unclear
}

// rules are the rules that come of one for an object.
func (x *expander) rules(rule kyvernov1.Rule, object any) (all []kyvernov1.Rule) {
	with := func(set func(*kyvernov1.Validation)) {
		one, validation := rule, *rule.Validation
		set(&validation)
		one.Validation = &validation
		all = append(all, one)
	}
	v := rule.Validation
	switch {
	case v.GetPattern() != nil:
		for _, p := range x.of(v.GetPattern(), object) {
			with(func(v *kyvernov1.Validation) { v.SetPattern(p) })
		}
	case v.GetAnyPattern() != nil:
		patterns, _ := v.GetAnyPattern().([]any)
		named := map[string]any{}
		for i, p := range patterns {
			named[string(rune('a'+i))] = p
		}
		for _, combined := range x.product(named, func(_ string, p any) []any { return x.of(p, object) }) {
			list := make([]any, len(patterns))
			for i := range patterns {
				list[i] = combined.(map[string]any)[string(rune('a'+i))]
			}
			with(func(v *kyvernov1.Validation) { v.SetAnyPattern(list) })
		}
	default:
		all = []kyvernov1.Rule{rule}
		x.unclear = x.unclear || len(v.ForEachValidation) > 0 && crowded(object)
	}
	return all
}

// crowded tells whether an object has several labels or annotations somewhere.
func crowded(content any) bool {
	switch content := content.(type) {
	case map[string]any:
		for key, value := range content {
			held, _ := value.(map[string]any)
			if (key == "labels" || key == "annotations") && len(held) > 1 || crowded(value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(content, crowded)
	}
	return false
}

func sameRules(a, b []kyvernov1.Rule) bool {
	x, _ := json.Marshal(a) // rules that were decoded from JSON encode
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// withWritten is the policy with rules in the place of its own and those that Kyverno makes of them.
func (c *classic) withWritten(rules []kyvernov1.Rule) *classic {
	own, policy := *c, c.policy.CreateDeepCopy()
	policy.SetResourceVersion("") // keep it out of the autogen memo
	for i := range rules {
		rules[i] = *rules[i].DeepCopy() // the engine writes messages into those with CEL
	}
	policy.GetSpec().SetRules(rules)
	annotations := maps.Clone(policy.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["pod-policies.kyverno.io/autogen-controllers"] = "none"
	policy.SetAnnotations(annotations)
	own.policy, own.written, own.cache = policy, newSplitter(policy), &variants{}
	return &own
}
