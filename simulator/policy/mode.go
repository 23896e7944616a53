package policy

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Mode says what a policy's failure does: it is noted, or it refuses the request.
type Mode string

// The modes.
const (
	Audit   Mode = "Audit"
	Enforce Mode = "Enforce"
	Warn    Mode = "Warn" // Audit, and the user is warned of every failure
)

// ModeOf is the mode of a policy as written: Enforce when any of its rules may refuse a
// request; empty for what has no mode, such as a policy that only mutates or generates.
func ModeOf(o Object) Mode {
	mode := Mode("")
	rewrite(o, func(spec map[string]any) bool {
		visitModes(o.Kind, spec, func(holder map[string]any, field, fallback string) {
			if mode != Enforce {
				mode = read(holder[field], fallback)
			}
		})
		return false
	})
	return mode
}

// InMode is the policy as it would be written in a mode; ok is false for what has none.
// Audit and Warn hold everywhere: overrides by namespace go. Enforce leaves them as they are.
func InMode(o Object, mode Mode) (out Object, ok bool) {
	out = rewrite(o, func(spec map[string]any) bool {
		visitModes(o.Kind, spec, func(holder map[string]any, field, _ string) {
			ok = true
			write(holder, field, mode)
		})
		if ok && mode != Enforce {
			delete(spec, "validationFailureActionOverrides")
		}
		if ok && mode == Warn && spec["rules"] != nil {
			spec["emitWarning"] = true
		}
		return ok
	})
	return out, ok
}

// actions are the kinds whose mode is the list validationActions.
var actions = []string{
	"ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy",
	"ValidatingAdmissionPolicyBinding",
}

// visitModes calls f for every place of a policy's spec that holds a mode: the map, the
// field in it, and the mode that counts when the field is absent.
func visitModes(kind string, spec map[string]any, f func(holder map[string]any, field, fallback string)) {
	if slices.Contains(actions, kind) {
		f(spec, "validationActions", string(Enforce))
		return
	}
	if kind != "ClusterPolicy" && kind != "Policy" {
		return
	}
	general, _ := spec["validationFailureAction"].(string)
	if general == "" {
		general = string(Audit)
	}
	for _, r := range list(spec["rules"]) {
		if v, ok := r["validate"].(map[string]any); ok {
			f(v, "failureAction", general)
		}
		for _, v := range list(r["verifyImages"]) {
			f(v, "failureAction", general)
		}
	}
}

func list(v any) []map[string]any {
	items, _ := v.([]any)
	var out []map[string]any
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func read(value any, fallback string) Mode {
	switch v := value.(type) {
	case []any:
		if slices.Contains(v, any("Deny")) {
			return Enforce
		}
		return Audit
	case string:
		fallback = v
	}
	if strings.EqualFold(fallback, string(Enforce)) {
		return Enforce
	}
	return Audit
}

func write(holder map[string]any, field string, mode Mode) {
	if field == "validationActions" {
		if mode == Audit {
			holder[field] = []any{"Audit"}
		} else if mode == Warn {
			holder[field] = []any{"Audit", "Warn"}
		} else if now, _ := holder[field].([]any); !slices.Contains(now, any("Deny")) {
			holder[field] = []any{"Deny"}
		}
		return
	}
	if mode == Warn {
		mode = Audit
	}
	holder[field] = string(mode)
	if mode == Audit {
		delete(holder, "failureActionOverrides")
	}
}

// rewrite applies f to a copy of the object's spec; when f says so the copy is returned
// with its new content.
func rewrite(o Object, f func(spec map[string]any) bool) Object {
	var object map[string]any
	if utiljson.Unmarshal(o.JSON, &object) != nil {
		return o
	}
	spec, ok := object["spec"].(map[string]any)
	if !ok || !f(spec) {
		return o
	}
	content, err := json.Marshal(object)
	if err != nil {
		return o
	}
	o.JSON, o.YAML = content, ""
	return FromObjects("", []Object{o}).Objects[0]
}

// InNamespaces is the policy limited to some namespaces; ok is false when nothing of it
// is left there.
func InNamespaces(o Object, namespaces []string) (out Object, ok bool) {
	if o.Namespace != "" {
		return o, slices.Contains(namespaces, o.Namespace)
	}
	ok = true
	out = rewrite(o, func(spec map[string]any) bool {
		if _, classic := spec["rules"]; classic {
			spec["rules"], ok = rulesIn(spec["rules"], namespaces)
			return true
		}
		constraints, found := spec["matchConstraints"].(map[string]any)
		if !found {
			return false
		}
		selector, _ := constraints["namespaceSelector"].(map[string]any)
		if selector == nil {
			selector = map[string]any{}
		}
		expressions, _ := selector["matchExpressions"].([]any)
		selector["matchExpressions"] = append(expressions, map[string]any{
			"key": "kubernetes.io/metadata.name", "operator": "In", "values": anys(namespaces)})
		constraints["namespaceSelector"] = selector
		return true
	})
	return out, ok
}

// rulesIn limits the match of every rule; rules that match nothing there go.
func rulesIn(rules any, namespaces []string) (kept []any, ok bool) {
	for _, r := range list(rules) {
		match, _ := r["match"].(map[string]any)
		if match != nil && matchIn(match, namespaces) {
			kept = append(kept, r)
		}
	}
	return kept, len(kept) > 0
}

func matchIn(match map[string]any, namespaces []string) bool {
	if resources, ok := match["resources"].(map[string]any); ok {
		return resourcesIn(resources, namespaces)
	}
	if all, ok := match["all"]; ok {
		for _, filter := range list(all) {
			if resources, ok := filter["resources"].(map[string]any); ok && !resourcesIn(resources, namespaces) {
				return false
			}
		}
		return true
	}
	var kept []any
	for _, filter := range list(match["any"]) {
		if resources, ok := filter["resources"].(map[string]any); ok && resourcesIn(resources, namespaces) {
			kept = append(kept, filter)
		}
	}
	match["any"] = kept
	return len(kept) > 0
}

// resourcesIn limits a resource filter; one that has namespaces keeps those that are meant.
func resourcesIn(resources map[string]any, namespaces []string) bool {
	want := namespaces
	if patterns, ok := resources["namespaces"].([]any); ok && len(patterns) > 0 {
		want = nil
		for _, ns := range namespaces {
			if slices.ContainsFunc(patterns, func(p any) bool { s, _ := p.(string); m, _ := path.Match(s, ns); return m }) {
				want = append(want, ns)
			}
		}
	}
	resources["namespaces"] = anys(want)
	return len(want) > 0
}

func anys(items []string) []any {
	out := make([]any, len(items))
	for i, s := range items {
		out[i] = s
	}
	return out
}
