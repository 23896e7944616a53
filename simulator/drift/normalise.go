package drift

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const (
	autogenAnnotation = "pod-policies.kyverno.io/autogen-controllers"
	ttlLabel          = "cleanup.kyverno.io/ttl"
	fleetPrefix       = "kubernetes-fleet.io/"
)

// body decodes an object, with the defaults that the question's Normalise gives it.
func (q *Question) body(o policy.Object) map[string]any {
	if q.Normalise != nil {
		o = q.Normalise(o)
	}
	return decode(o.JSON)
}

func decode(content json.RawMessage) map[string]any {
	var object map[string]any
	if json.Unmarshal(content, &object) != nil {
		return nil
	}
	return object
}

// align brings both sides of one object to what may differ: its content, and of its
// labels and annotations those that the hub sets or that decide. It changes its arguments.
func align(intended, installed map[string]any) {
	for _, object := range []map[string]any{intended, installed} {
		namespaceOwn(object)
		for _, field := range []string{"apiVersion", "kind", "status"} {
			delete(object, field)
		}
		admissionDefaults(object)
	}
	was, is := section(intended, "metadata"), section(installed, "metadata")
	intended["metadata"] = map[string]any{"labels": was["labels"], "annotations": ownAnnotations(was)}
	installed["metadata"] = map[string]any{
		"labels":      kept(section(is, "labels"), section(was, "labels"), ttlLabel),
		"annotations": kept(ownAnnotations(is), ownAnnotations(was), autogenAnnotation),
	}
	dropAutogen(section(intended, "spec"), section(installed, "spec"))
}

// namespaceOwn takes away what every API server gives a Namespace: the label with its name,
// and the finalizer.
func namespaceOwn(object map[string]any) {
	if object["kind"] != "Namespace" || object["apiVersion"] != "v1" {
		return
	}
	spec := section(object, "spec")
	delete(spec, "finalizers")
	if len(spec) == 0 {
		delete(object, "spec")
	}
	labels := section(section(object, "metadata"), "labels")
	delete(labels, "kubernetes.io/metadata.name")
	if len(labels) == 0 {
		delete(section(object, "metadata"), "labels")
	}
}

// section is a map below a key; an empty one when there is none.
func section(object map[string]any, key string) map[string]any {
	m, _ := object[key].(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	return m
}

// ownAnnotations are an object's annotations without those of the tools that carry it.
func ownAnnotations(meta map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range section(meta, "annotations") {
		if key != "kubectl.kubernetes.io/last-applied-configuration" && !strings.HasPrefix(key, fleetPrefix) {
			out[key] = value
		}
	}
	return out
}

// kept are the entries that the hub has too, and the one that decides.
func kept(entries, hub map[string]any, decides string) map[string]any {
	out := map[string]any{}
	for key, value := range entries {
		if _, ok := hub[key]; ok || key == decides {
			out[key] = value
		}
	}
	return out
}

// dropAutogen takes away the rules that Kyverno made of others and stored, as its releases
// before 1.7 did.
func dropAutogen(intended, installed map[string]any) {
	rules, ok := installed["rules"].([]any)
	if !ok {
		return
	}
	names := func(rules []any) []string {
		var out []string
		for _, r := range entries(rules) {
			name, _ := r["name"].(string)
			out = append(out, name)
		}
		return out
	}
	hub, _ := intended["rules"].([]any)
	hubNames, memberNames := names(hub), names(rules)
	installed["rules"] = slices.DeleteFunc(slices.Clone(rules), func(r any) bool {
		m, _ := r.(map[string]any)
		name, _ := m["name"].(string)
		base := verdict.Written(name)
		return base != name && slices.Contains(memberNames, base) && !slices.Contains(hubNames, name)
	})
}

// entries are the maps of a list.
func entries(list any) []map[string]any {
	items, _ := list.([]any)
	var out []map[string]any
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// admissionDefaults fills what API servers default in admission policies and in the parts
// of CEL policies that are made of the same types. Source: admissionregistration.k8s.io/v1.
func admissionDefaults(object map[string]any) {
	spec, ok := object["spec"].(map[string]any)
	if !ok {
		return
	}
	for _, field := range []string{"matchConstraints", "matchResources"} {
		constraints, ok := spec[field].(map[string]any)
		if !ok {
			continue
		}
		if constraints["matchPolicy"] == nil {
			constraints["matchPolicy"] = "Equivalent"
		}
		for _, list := range []string{"resourceRules", "excludeResourceRules"} {
			for _, rule := range entries(constraints[list]) {
				if rule["scope"] == nil {
					rule["scope"] = "*"
				}
			}
		}
	}
	if spec["matchConstraints"] != nil && spec["failurePolicy"] == nil {
		spec["failurePolicy"] = "Fail"
	}
}
