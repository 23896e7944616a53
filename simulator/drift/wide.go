package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// A filter is one entry of an exception's match.
type filter map[string]any

// filters are the entries of the match of a classic exception, in their order.
func filters(spec map[string]any) []filter {
	match := section(spec, "match")
	var out []filter
	for _, f := range slices.Concat(entries(match["any"]), entries(match["all"])) {
		out = append(out, section(f, "resources"))
	}
	return out
}

// each calls f with every name, namespace and kind that the filter lists.
func (f filter) each(call func(field, value string)) {
	for _, field := range []string{"kinds", "namespaces", "names"} {
		for _, value := range asList(f[field]) {
			if text, ok := value.(string); ok {
				call(field, text)
			}
		}
	}
	if name, ok := f["name"].(string); ok {
		call("names", name)
	}
}

// takes tells whether the names of the filter take a record. What else it asks for (labels,
// users) the engine has looked at.
func (f filter) takes(rec *capture.Record, name string) bool {
	asked, met := map[string]bool{}, map[string]bool{}
	f.each(func(field, value string) {
		asked[field] = true
		met[field] = met[field] || matches(field, value, rec, name)
	})
	for field := range asked {
		if !met[field] {
			return false
		}
	}
	return true
}

func matches(field, value string, rec *capture.Record, name string) bool {
	switch field {
	case "kinds":
		return wildcard(kindIn(value), rec.Kind.Kind)
	case "namespaces":
		return wildcard(value, rec.Namespace)
	}
	return wildcard(value, name)
}

// kindIn is the kind in one of Kyverno's ways to write it: Pod, apps/v1/Deployment,
// v1/Pod.status, Pod/exec.
func kindIn(value string) string {
	for part := range strings.SplitSeq(value, "/") {
		if part != "" && part[0] >= 'A' && part[0] <= 'Z' {
			part, _, _ = strings.Cut(part, ".")
			return part
		}
	}
	return value[strings.LastIndex(value, "/")+1:]
}

// tooWide lists what of a used exception no request of the capture needed.
func (m *useMeter) tooWide() []string {
	var out []string
	for _, x := range entries(m.spec["exceptions"]) {
		name := fmt.Sprint(x["policyName"])
		if !m.marks["policy "+classicKind+" "+name] {
			out = append(out, "policy "+name)
			continue
		}
		for _, r := range asList(x["ruleNames"]) {
			if rule := fmt.Sprint(r); !m.marks["rule "+name+" "+rule] {
				out = append(out, "rule "+name+"/"+rule)
			}
		}
	}
	for _, r := range entries(m.spec["policyRefs"]) {
		if !m.marks[fmt.Sprintf("policy %v %v", r["kind"], r["name"])] {
			out = append(out, fmt.Sprintf("policy %v/%v", r["kind"], r["name"]))
		}
	}
	return append(out, m.unmet()...)
}

// unmet lists the names that no request had, and filters that take everything.
func (m *useMeter) unmet() []string {
	var out []string
	for at, f := range filters(m.spec) {
		if !m.marks["filter "+index(at)] {
			if what := strings.TrimPrefix(brief(map[string]any{"resources": map[string]any(f)}), ": "); what != "" {
				out = append(out, what)
			}
			continue
		}
		f.each(func(field, value string) {
			if !m.marks[fmt.Sprintf("%d %s %s", at, field, value)] {
				out = append(out, strings.TrimSuffix(field, "s")+" "+value)
			}
		})
	}
	if m.takesAll() {
		out = append(out, "any namespace and name (was used in "+m.places()+" only)")
	}
	return out
}

// takesAll tells of an exception that any object of its kinds gets.
func (m *useMeter) takesAll() bool {
	if m.namespaces[""] {
		return false // used for objects without a namespace
	}
	if entries(m.spec["policyRefs"]) != nil {
		return len(entries(m.spec["matchConditions"])) == 0 && !m.fine
	}
	match := section(m.spec, "match")
	if len(entries(m.spec["conditions"]))+len(section(m.spec, "conditions")) > 0 {
		return false
	}
	return slices.ContainsFunc(entries(match["any"]), func(f map[string]any) bool {
		if len(f) > 1 {
			return false
		}
		limited := false
		for key, value := range section(f, "resources") {
			limited = limited || key != "kinds" && key != "operations" && !(len(asList(value)) == 1 && asList(value)[0] == "*")
		}
		return !limited
	})
}
