package kyverno

import (
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/anchor"
	"sigs.k8s.io/yaml"
)

// Of the policies of one webhook only those can make a difference to each other of which one names
// what the other writes. Only those are tried in several orders, which costs the square of their number.

// mostPairs is the number of policies of which all pairs are tried.
const mostPairs = 10

// namer is a unit that knows the names of what it writes, and of whatever it names.
type namer interface {
	names() (writes, all map[string]bool)
}

// around is a unit with those that have to do with it, in their order.
func around(u phased, units []phased) []phased {
	return slices.DeleteFunc(slices.Clone(units), func(v phased) bool { return v != u && !meet(u.unit, v.unit) })
}

func meet(a, b unit) bool {
	x, ok := a.(namer)
	y, known := b.(namer)
	if !ok || !known {
		return true
	}
	writesA, allA := x.names()
	writesB, allB := y.names()
	return share(writesA, allB) || share(writesB, allA)
}

func share(a, b map[string]bool) bool {
	for name := range a {
		if b[name] {
			return true
		}
	}
	return false
}

var (
	namesIn = regexp.MustCompile(`[A-Za-z0-9_./~-]+`)
	partsOf = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_-]*`)
	// everybodys are names that say nothing of what a policy is about.
	everybodys = wordSet(`metadata spec template jobTemplate containers initContainers ephemeralContainers name op path value add
		replace remove test object oldObject request element Object JSONPatch has orValue optional size all exists filter map variables
		true false null operation namespace namespaceObject params jsonpatch escapeKey context elementIndex key operator values`)
)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// namedIn adds the names in a text, as they are and taken apart.
func namedIn(text string, into map[string]bool) {
	for _, whole := range namesIn.FindAllString(text, -1) {
		whole = strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.Trim(whole, "./"))
		for _, name := range append(partsOf.FindAllString(whole, -1), whole) {
			if !everybodys[name] {
				into[name] = true
			}
		}
	}
}

// namesOf are the names in a text.
func namesOf(text string) map[string]bool {
	all := map[string]bool{}
	namedIn(text, all)
	return all
}

func (n *celNeeds) names() (writes, all map[string]bool) { return n.named(), n.named() }

func (p *celPolicy) names() (writes, all map[string]bool)       { return p.needs.names() }
func (p *admissionPolicy) names() (writes, all map[string]bool) { return p.needs.names() }

func (c *classic) names() (writes, all map[string]bool) {
	r := c.read()
	return r.writes, r.names
}

// writtenNames adds the names of what a rule writes.
func writtenNames(rule kyvernov1.Rule, into map[string]bool) {
	if rule.HasVerifyImages() {
		into["image"] = true
	}
	eachPatch(rule, func(merge any, operations string) { patchNames(merge, operations, into) })
}

func patchNames(merge any, operations string, into map[string]bool) {
	mergedNames("", merge, into)
	var all []struct {
		Path, From string
		Value      any
	}
	if yaml.Unmarshal([]byte(operations), &all) != nil {
		namedIn(operations, into)
		return
	}
	for _, one := range all {
		for _, name := range append(pointed(one.Path), pointed(one.From)...) {
			if partsOf.MatchString(name) && !strings.Contains(name, "{{") && !everybodys[name] {
				into[name] = true
			}
		}
		mergedNames("", one.Value, into)
	}
}

// mergedNames adds the names of the fields that a strategic merge patch sets. Maps are merged with
// those that are there: of them the fields count.
func mergedNames(key string, node any, into map[string]bool) {
	switch node := node.(type) {
	case map[string]any:
		for name, child := range node {
			a := anchor.Parse(name)
			if anchor.IsOneOf(a, anchor.Condition, anchor.Global) {
				continue // is only compared
			}
			mergedNames(withoutAnchor(name), child, into)
		}
		if len(node) > 0 {
			return
		}
	case []any:
		for _, item := range node {
			mergedNames(key, item, into)
		}
	case nil:
		return
	}
	if key != "" && !everybodys[key] {
		into[key] = true
	}
}
