package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/ext/wildcard"
)

// writer is a unit that knows where a rule of it writes.
type writer interface {
	writes(rule string) (places []write, ok bool)
}

// reader is a unit that can tell that it does not read a place, whatever is written there.
// present: the object has what the place is in.
type reader interface {
	mayRead(place write, present bool) bool
}

func (u classicMutate) writes(rule string) ([]write, bool) {
	for _, r := range installAutogenMemo().ComputeRules(u.policy, "") {
		if r.Name == rule {
			return writesOf(r)
		}
	}
	return nil, false
}

// policyReads is what a ClusterPolicy reads, with the exceptions that name it.
type policyReads struct {
	*ruleReads
	text   string // JSON
	tree   any
	writes map[string]bool // the names of what its rules write
	names  map[string]bool // all that it names
}

func readByPolicy(policy kyvernov1.PolicyInterface, exceptions []*kyvernov2.PolicyException) *policyReads {
	all := []any{policy.GetSpec(), installAutogenMemo().ComputeRules(policy, "")}
	for _, e := range exceptions {
		all = append(all, e.Spec)
	}
	text, _ := json.Marshal(all) // they were decoded from JSON
	r := &policyReads{ruleReads: readsIn(text), text: string(text), writes: map[string]bool{}, names: map[string]bool{}}
	_ = json.Unmarshal(text, &r.tree)
	for _, rule := range policy.GetSpec().Rules {
		writtenNames(rule, r.writes)
		rest, _ := json.Marshal(rule)
		namedIn(string(rest), r.names)
	}
	return r
}

func (c *classic) mayRead(place write, present bool) bool {
	r := c.read()
	return r.opaque || strings.Contains(r.text, place.word(present)) || r.through(place) || wildIn(r.tree, place.holder()) ||
		celMayRead(r.cel.String(), place)
}

// Policies about images find these without naming them.
func (p *celPolicy) mayRead(place write, present bool) bool {
	return place.key() == "image" && strings.HasSuffix(p.name.Kind, "ImageValidatingPolicy") || p.needs.mayRead(place, present)
}

func (p *admissionPolicy) mayRead(place write, present bool) bool {
	return p.needs.mayRead(place, present)
}

func (n *celNeeds) mayRead(place write, present bool) bool {
	image := place.key() == "image"
	return n.body || image && n.lookups || strings.Contains(n.text+n.selectors, place.word(present)) || celMayRead(n.text, place)
}

// word is found in whatever reads the place by its name.
func (w write) word(present bool) string {
	if !present && w.key() != "image" {
		return w.holder()
	}
	return w.key()
}

// through tells whether JMESPath reads the place through what it is in.
func (r *policyReads) through(place write) bool {
	want := append([]string{"request", "object"}, place...)
	if place.key() != "image" {
		return r.jmesReads.reach(want)
	}
	if encodes.MatchString(r.text) {
		return true
	}
	// A list that is gone through is read by what its items are asked for.
	return slices.ContainsFunc(r.paths, func(p []string) bool { return overlap(p, want) || len(p) == 1 && strings.HasPrefix(p[0], "element") }) ||
		slices.ContainsFunc(r.lists, func(p []string) bool { return len(p) < len(want)-2 && overlap(p, want) })
}

// wildIn tells whether keys of labels or annotations are matched by wildcards.
func wildIn(node any, holder string) bool {
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			name := withoutAnchor(key)
			if fields, ok := child.(map[string]any); ok && (name == holder || name == "matchLabels") && holder != anyField {
				for one := range fields {
					if wildcard.ContainsWildcard(one) {
						return true
					}
				}
			}
			if wildIn(child, holder) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(node, func(item any) bool { return wildIn(item, holder) })
	}
	return false
}

var (
	celHas     = regexp.MustCompile(`\bhas\([^()]*\)|['"][^'"\n]*['"]\s+in\s+[\w.?]+|\.orValue\(\s*\{\s*\}\s*\)`)
	celHolders = map[string]*regexp.Regexp{
		"labels":      regexp.MustCompile(`\b(?:labels|metadata)\b`),
		"annotations": regexp.MustCompile(`\b(?:annotations|metadata)\b`),
		anyField:      regexp.MustCompile(`\b(?:spec)\b`),
	}
	celField    = regexp.MustCompile(`^\s*(?:\.\s*\??\w+\s*(?:[^\s\w(]|$)|\[\s*\??\s*['"])`)
	celElsewise = regexp.MustCompile(`\boldObject\b|\bmarshal\s*\(|\bstring\s*\(|\bparams\b|\bdyn\s*\(`)
	celBare     = regexp.MustCompile(`(?:^|[\s(!&|,])[a-z]\w*\s*[!=]=\s*[a-z]\w*\s*(?:[,)&|?]|$)|\b[a-z]\w*\s+in\s+[a-z]`)
)

// celMayRead tells whether expressions that do not name a place may still read it: through what it
// is in. Where the text leaves room for doubt, they may.
func celMayRead(text string, place write) bool {
	if text == "" {
		return false
	}
	rest := celHas.ReplaceAllString(text, "")
	if celWholeObject.MatchString(rest) {
		return true
	}
	if place.key() == "image" && (celElsewise.MatchString(text) || celBare.MatchString(text)) {
		return true
	}
	for _, at := range celHolders[place.holder()].FindAllStringIndex(rest, -1) {
		if !celField.MatchString(rest[at[1]:]) {
			return true
		}
	}
	return false
}
