package kyverno

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/anchor"
	"github.com/kyverno/kyverno/pkg/engine/validate"
	"k8s.io/apimachinery/pkg/runtime"
)

// What stands under an anchor of a strategic merge patch that asks for something is a pattern, whose
// wildcards for keys Kyverno draws, too. What is merged is the patch as it is written: such a rule
// needs no other reading, but whether it applies may be drawn.

// wildCondition finds patches that may have one, as they are encoded.
var wildCondition = regexp.MustCompile(`"(?:<|\\u003c)?\([^)"]*\)":\{.*` + wildKey.String())

// drawsKeys tells whether a rule may have a wildcard that Kyverno draws a key for.
func drawsKeys(rule kyvernov1.Rule, text []byte) bool {
	return rule.HasValidate() && wildKey.Match(text) || rule.HasMutate() && wildCondition.Match(text)
}

// mutation is a rule that mutates with nothing left to draw. Where it makes a difference what is drawn,
// it is unclear.
func (x *expander) mutation(rule kyvernov1.Rule, object any) kyvernov1.Rule {
	patch := rule.Mutation.GetPatchStrategicMerge()
	switch {
	case len(rule.Mutation.Targets) > 0: // they are not at hand
		x.unclear = true
	case patch == nil: // of elements
		x.unclear = crowded(object)
	default:
		patch = x.settled(patch, object)
	}
	if x.unclear && patch != nil {
		mutation := *rule.Mutation
		mutation.SetPatchStrategicMerge(patch)
		rule.Mutation = &mutation
	}
	return rule
}

// settled is a patch with one of the patterns for each condition whose outcome is drawn.
func (x *expander) settled(patch, resource any) any {
	switch patch := patch.(type) {
	case map[string]any:
		object, ok := resource.(map[string]any)
		if !ok {
			break
		}
		out := maps.Clone(patch)
		for key, value := range patch {
			held := object[withoutAnchor(key)]
			a := anchor.Parse(key)
			if (anchor.IsCondition(a) || anchor.IsGlobal(a)) && x.drawn(value, held) {
				x.unclear, out[key] = true, x.of(value, held)[0]
				continue
			}
			out[key] = x.settled(value, held)
		}
		return out
	case []any:
		elements, _ := resource.([]any)
		out := slices.Clone(patch)
		for i := range out {
			for _, element := range elements {
				out[i] = x.settled(out[i], element)
			}
		}
		return out
	}
	return patch
}

// drawn tells whether an object matches some, and not all, of what a pattern may become.
func (x *expander) drawn(pattern, object any) bool {
	all := x.of(pattern, object)
	if len(all) < 2 {
		return false
	}
	text, _ := json.Marshal(pattern) // it was decoded from JSON
	if strings.Contains(string(text), "{{") {
		return true
	}
	met := 0
	for _, one := range all {
		if validate.MatchPattern(logr.Discard(), runtime.DeepCopyJSONValue(object), runtime.DeepCopyJSONValue(one)) == nil {
			met++
		}
	}
	return met > 0 && met < len(all)
}
