package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mode compares what failures do, rule by rule: a field that decides nothing has no effect.
func (j judge) mode(c change) (effect, string) {
	was, is := modes(section(j.intended, "spec")), modes(section(j.found, "spec"))
	in := "" // the rule of the change; empty: all of them
	if len(c.path) > 2 && c.path[1] == "rules" {
		in = c.path[2]
	}
	var audit, enforce []any
	for _, name := range was.names {
		both, known := is.enforces[name]
		if !known || in != "" && in != name {
			continue
		}
		switch label := strings.TrimSuffix(strings.TrimPrefix(name, "[name="), "]"); {
		case was.enforces[name] && !both:
			audit = append(audit, label)
		case !was.enforces[name] && both:
			enforce = append(enforce, label)
		}
	}
	switch {
	case len(audit) > 0:
		return weaker, ruleNames(audit) + ": Enforce intended, Audit found"
	case len(enforce) > 0:
		return stronger, ruleNames(enforce) + ": Audit intended, Enforce found"
	}
	return unknown, "decides nothing: the rules say themselves what their failure does"
}

func ruleNames(names []any) string {
	if len(names) == 1 {
		return "rule " + join(names)
	}
	return "rules " + join(names)
}

type modeList struct {
	names    []string
	enforces map[string]bool
}

// modes tells of each rule that validates whether its failure refuses.
func modes(spec map[string]any) modeList {
	out := modeList{enforces: map[string]bool{}}
	general, _ := spec["validationFailureAction"].(string)
	for i, r := range entries(spec["rules"]) {
		holders := entries(r["verifyImages"])
		if v, ok := r["validate"].(map[string]any); ok {
			holders = append(holders, v)
		}
		if len(holders) == 0 {
			continue
		}
		name := index(i)
		if s, ok := r["name"].(string); ok {
			name = "[name=" + s + "]"
		}
		out.names = append(out.names, name)
		out.enforces[name] = false
		for _, h := range holders {
			own, _ := h["failureAction"].(string)
			if strings.EqualFold(cmp.Or(own, general), "Enforce") {
				out.enforces[name] = true
			}
		}
	}
	return out
}

// failurePolicy compares what counts: the webhookConfiguration's, then the spec's, then Fail.
func (j judge) failurePolicy(c change) (effect, string) {
	was, is := failurePolicy(j.intended), failurePolicy(j.found)
	switch {
	case was == is:
		return unknown, "decides nothing: " + is + " either way"
	case is == "Ignore":
		return weaker, "fails open: requests pass when it cannot be asked"
	}
	return stronger, "fails closed: requests are refused when it cannot be asked"
}

func failurePolicy(object map[string]any) string {
	spec := section(object, "spec")
	webhook, _ := section(spec, "webhookConfiguration")["failurePolicy"].(string)
	own, _ := spec["failurePolicy"].(string)
	return cmp.Or(webhook, own, "Fail")
}

func actions(c change) (effect, string) {
	was, _ := c.was.([]any)
	is, _ := c.is.([]any)
	if c.was == nil { // an absent list denies
		was = []any{"Deny"}
	}
	if c.is == nil {
		is = []any{"Deny"}
	}
	has := func(list []any, action string) bool { return slices.Contains(list, any(action)) }
	switch {
	case has(was, "Deny") && !has(is, "Deny"):
		return weaker, fmt.Sprintf("Enforce intended, Audit found (%s)", join(is))
	case !has(was, "Deny") && has(is, "Deny"):
		return stronger, fmt.Sprintf("Audit intended, Enforce found (%s)", join(is))
	case has(was, "Warn") && !has(is, "Warn"):
		return weaker, "failures do not warn the user any more"
	case !has(was, "Warn") && has(is, "Warn"):
		return stronger, "failures warn the user"
	}
	return unknown, ""
}

// overrides are exceptions from a mode for some namespaces.
func overrides(c change, rest []string) (effect, string) {
	var added, removed []any
	switch {
	case len(rest) == 0:
		added, removed = asList(c.is), asList(c.was)
	case len(rest) == 1 && c.was == nil:
		added = []any{c.is}
	case len(rest) == 1 && c.is == nil:
		removed = []any{c.was}
	case rest[len(rest)-1] == "namespaces" && (c.was == nil) == (c.is == nil):
		sign := stronger
		if action, _ := c.in["action"].(string); !strings.EqualFold(action, "Enforce") {
			sign = weaker
		}
		return listed(c, sign, "namespaces newly overridden", "namespaces not overridden any more")
	case rest[len(rest)-1] == "action":
		if s, _ := c.is.(string); strings.EqualFold(s, "Enforce") {
			return stronger, "an override is Enforce"
		}
		return weaker, "an override is Audit"
	}
	var down, up bool
	for _, e := range entries(added) {
		enforce := strings.EqualFold(fmt.Sprint(e["action"]), "Enforce")
		down, up = down || !enforce, up || enforce
	}
	for _, e := range entries(removed) {
		enforce := strings.EqualFold(fmt.Sprint(e["action"]), "Enforce")
		down, up = down || enforce, up || !enforce
	}
	switch {
	case down && !up:
		return weaker, "namespaces are overridden to Audit"
	case up && !down:
		return stronger, "namespaces are overridden to Enforce"
	}
	return unknown, ""
}
