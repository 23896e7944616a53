package drift

import (
	"fmt"
	"slices"
	"strings"
)

// scoped judges a change of what a filter selects. wider is what a wider filter does to the
// policy; rest is the path in the filter; verb begins the words.
func scoped(c change, rest []string, wider effect, verb string) (effect, string) {
	if slices.Contains(rest, "excludeResourceRules") {
		wider, verb = -wider, "it excludes"
	}
	width, what := widening(c, rest)
	if width == unknown {
		return unknown, ""
	}
	how := " more"
	if width < 0 {
		how = " less"
	}
	return width * wider, verb + how + what
}

// widening tells whether a filter takes more or less after a change, and in which field.
func widening(c change, rest []string) (effect, string) {
	if len(rest) == 0 { // the whole filter: without one an exclusion takes nothing, a match is invalid
		return presence(c, 1), brief(oneOf(c))
	}
	last := rest[len(rest)-1]
	if len(rest) <= 2 && (rest[0] == "any" || rest[0] == "all") {
		return alternatives(c, rest), brief(oneOf(c))
	}
	switch parent := before(rest); {
	case last == "values":
		return values(c)
	case parent == "matchLabels", parent == "annotations", parent == "matchExpressions", last == "matchLabels", last == "matchExpressions",
		last == "selector", last == "namespaceSelector", last == "objectSelector", last == "annotations":
		return presence(c, -1), ": " + selectorName(rest)
	case parent == "subjects", parent == "resourceRules", parent == "excludeResourceRules":
		return presence(c, 1), brief(oneOf(c))
	case last == "excludeResourceRules":
		return presence(c, 1), ""
	}
	if c.was == nil || c.is == nil { // a field that limits what the others select
		return presence(c, -1), ": " + last + " " + join(asList(oneOf(c)))
	}
	return lists(c, last)
}

func oneOf(c change) any {
	if c.was != nil {
		return c.was
	}
	return c.is
}

// presence is sign where something was added, its opposite where it was removed.
func presence(c change, sign effect) effect {
	switch {
	case c.was == nil:
		return sign
	case c.is == nil:
		return -sign
	}
	return unknown
}

// alternatives are the entries of any (each takes more) and of all (each takes less). A
// whole list that came or went is one filter more or less.
func alternatives(c change, rest []string) effect {
	if len(rest) == 1 || rest[0] == "any" {
		return presence(c, 1)
	}
	return presence(c, -1)
}

func before(path []string) string {
	if len(path) < 2 {
		return ""
	}
	return path[len(path)-2]
}

// brief says what a filter, or a list of them, takes: ": namespaces dev-*; names legacy".
func brief(filter any) string {
	var parts []string
	m, _ := filter.(map[string]any)
	filters := slices.Concat(entries(filter), entries(m["any"]), entries(m["all"]))
	if m != nil {
		filters = append(filters, m)
	}
	for _, f := range filters {
		parts = append(parts, taken(f)...)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}

func taken(filter map[string]any) []string {
	var parts []string
	for _, holder := range []map[string]any{section(filter, "resources"), filter} {
		for _, key := range []string{"kinds", "namespaces", "names", "operations", "roles", "clusterRoles"} {
			if list := asList(holder[key]); len(list) > 0 {
				parts = append(parts, key+" "+join(list))
			}
		}
		for _, subject := range entries(holder["subjects"]) {
			parts = append(parts, fmt.Sprintf("%v %v", subject["kind"], subject["name"]))
		}
	}
	if filter["kind"] != nil && filter["name"] != nil { // a subject itself
		parts = append(parts, fmt.Sprintf("%v %v", filter["kind"], filter["name"]))
	}
	return parts
}

func selectorName(rest []string) string {
	for _, part := range rest {
		if strings.HasSuffix(strings.ToLower(part), "selector") || part == "annotations" {
			return part
		}
	}
	return rest[len(rest)-1]
}

// values are those of one expression of a selector.
func values(c change) (effect, string) {
	sign := effect(1)
	if operator, _ := c.in["operator"].(string); operator == "NotIn" {
		sign = -1
	}
	width, what := lists(c, "values")
	return sign * width, what
}

// lists compares lists of names or patterns: which takes more.
func lists(c change, field string) (effect, string) {
	was, is := asList(c.was), asList(c.is)
	if was == nil || is == nil {
		return unknown, ""
	}
	won := uncovered(is, was)
	lost := uncovered(was, is)
	switch {
	case len(won) > 0 && len(lost) == 0:
		return 1, ": " + field + " " + join(won)
	case len(lost) > 0 && len(won) == 0:
		return -1, ": " + field + " " + join(lost)
	}
	return unknown, ""
}

// uncovered are the entries of a list that no entry of the other takes.
func uncovered(list, by []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(e any) bool {
		name, ok := e.(string)
		return slices.ContainsFunc(by, func(p any) bool {
			pattern, isText := p.(string)
			return p == e || ok && isText && wildcard(pattern, name)
		})
	})
}

// narrowing are conditions that must all hold: each that is added takes less.
func narrowing(c change, rest []string, added effect, noun string) (effect, string) {
	if len(rest) > 1 {
		return unknown, ""
	}
	switch sign := presence(c, 1); sign {
	case 1:
		return added, noun + " was added"
	case -1:
		return -added, noun + " is gone"
	}
	return unknown, ""
}

// conditions are Kyverno's any and all. met is what it does to a policy that they hold more often.
func conditions(c change, rest []string, met effect) (effect, string) {
	switch {
	case len(rest) == 0 && c.was == nil: // of none, all hold
		return -met, "conditions were added"
	case len(rest) == 0 && c.is == nil:
		return met, "conditions are gone"
	case len(rest) == 2 && rest[0] == "any" && presence(c, 1) != unknown:
		return presence(c, 1) * met, map[bool]string{true: "one condition more suffices", false: "one condition less suffices"}[c.was == nil]
	case len(rest) == 2 && rest[0] == "all", len(rest) == 1 && strings.HasPrefix(rest[0], "["):
		if presence(c, 1) != unknown {
			return presence(c, -1) * met, map[bool]string{true: "one condition more must hold", false: "one condition less must hold"}[c.was == nil]
		}
	}
	return unknown, ""
}

// wildcard tells whether a pattern of Kyverno takes a name: * is any text, ? one character.
func wildcard(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, mark, i := -1, 0, 0
	at := 0
	for i < len(n) {
		switch {
		case at < len(p) && p[at] == '*':
			star, mark = at, i
			at++
		case at < len(p) && (p[at] == '?' || p[at] == n[i]):
			at++
			i++
		case star >= 0:
			mark++
			at, i = star+1, mark
		default:
			return false
		}
	}
	for at < len(p) && p[at] == '*' {
		at++
	}
	return at == len(p)
}
