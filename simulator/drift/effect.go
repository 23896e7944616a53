package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// effect says what a change does to a policy: 0 where that cannot be told.
type effect int

const (
	weaker   effect = -1
	unknown  effect = 0
	stronger effect = 1
)

// judge is what a change of an object means: its effect, and the words for it.
type judge struct {
	kind            string
	intended, found map[string]any // whole objects
}

// of tells a change's effect and why; the words are empty where the path says it all.
func (j judge) of(c change) (effect, string) {
	if c.reorder {
		return unknown, "the same entries in another order"
	}
	if len(c.path) > 1 && c.path[0] == "metadata" {
		return j.metadata(c)
	}
	if len(c.path) < 2 || c.path[0] != "spec" {
		return unknown, ""
	}
	if j.kind == "PolicyException" {
		return j.exception(c)
	}
	return j.spec(c)
}

func (j judge) metadata(c change) (effect, string) {
	if c.path[len(c.path)-1] != autogenAnnotation {
		return unknown, ""
	}
	was, is := controllers(c.was), controllers(c.is)
	lost, won := without(was, is), without(is, was)
	switch {
	case len(lost) > 0 && len(won) == 0:
		return weaker, "its rules are not made for " + join(lost) + " any more"
	case len(won) > 0 && len(lost) == 0:
		return stronger, "its rules are made for " + join(won) + " too"
	}
	return unknown, ""
}

// controllers are the kinds for which Kyverno makes rules out of those for pods.
func controllers(annotation any) []any {
	text, ok := annotation.(string)
	if !ok || text == "" {
		text = "DaemonSet,Deployment,Job,ReplicaSet,ReplicationController,StatefulSet,CronJob"
	}
	var out []any
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "none" {
			out = append(out, part)
		}
	}
	return out
}

// spec goes by the field. The first that knows the path answers.
func (j judge) spec(c change) (effect, string) {
	last := c.path[len(c.path)-1]
	for i, part := range c.path {
		rest := c.path[i+1:]
		switch part {
		case "podSecurity":
			return podSecurity(c, rest)
		case "matchResources":
			if len(rest) == 0 { // without it, a binding takes what its policy does
				e := presence(c, weaker)
				return e, map[effect]string{weaker: "it applies to less", stronger: "it applies to more"}[e]
			}
			return scoped(c, rest, stronger, "it applies to")
		case "match", "matchConstraints":
			return scoped(c, rest, stronger, "it applies to")
		case "exclude":
			return scoped(c, rest, weaker, "it excludes")
		case "matchConditions":
			return narrowing(c, rest, weaker, "a match condition")
		case "preconditions":
			return conditions(c, rest, stronger)
		case "failureActionOverrides", "validationFailureActionOverrides":
			return overrides(c, rest)
		case "validationActions":
			return actions(c)
		case "failurePolicy":
			return j.failurePolicy(c)
		case "validations":
			return whole(c, rest, "validation")
		case "deny":
			if len(rest) > 1 && rest[0] == "conditions" {
				return conditions(c, rest[1:], stronger)
			}
		}
	}
	switch last {
	case "failureAction", "validationFailureAction":
		return j.mode(c)
	case "emitWarning":
		return toggle(c, false, stronger, "failures warn the user", "failures do not warn the user any more")
	case "admission":
		return toggle(c, true, stronger, "it judges requests", "it does not judge requests any more")
	case "allowExistingViolations":
		return toggle(c, true, weaker, "updates of objects that violate it already pass", "updates of objects that violate it already are refused")
	case "required", "verifyDigest", "mutateDigest":
		return toggle(c, true, stronger, last+" is on", last+" is off")
	case "enabled":
		if slices.Contains(c.path, "admission") {
			return toggle(c, true, stronger, "it judges requests", "it does not judge requests any more")
		}
	case "skipImageReferences":
		return listed(c, weaker, "images newly skipped", "images not skipped any more")
	case "imageReferences":
		return listed(c, stronger, "images newly checked", "images not checked any more")
	case "controllers":
		if slices.Contains(c.path, "autogen") && c.was != nil && c.is != nil {
			return listed(c, stronger, "its rules are made for more controllers", "its rules are not made any more for")
		}
	}
	return j.parts(c)
}

// parts are whole entries that came or went: rules, images, controls.
func (j judge) parts(c change) (effect, string) {
	if len(c.path) < 2 || c.was != nil && c.is != nil {
		return unknown, ""
	}
	switch list := c.path[len(c.path)-2]; {
	case list == "rules":
		return whole(c, c.path[len(c.path)-1:], "rule")
	case list == "verifyImages":
		return whole(c, c.path[len(c.path)-1:], "image check")
	}
	return unknown, ""
}

// whole is one entry of a list of which every entry may refuse.
func whole(c change, rest []string, noun string) (effect, string) {
	if len(rest) != 1 {
		return unknown, ""
	}
	name := noun
	if _, label, ok := strings.Cut(strings.Trim(rest[0], "[]"), "="); ok {
		name += " " + label
	}
	switch {
	case c.is == nil:
		return weaker, name + " is gone"
	case c.was == nil:
		return stronger, name + " was added"
	}
	return unknown, ""
}

// podSecurity is a level of the Pod Security Standards without some of its controls.
func podSecurity(c change, rest []string) (effect, string) {
	switch {
	case len(rest) == 1 && rest[0] == "level":
		levels := []any{"privileged", "baseline", "restricted"}
		was, is := slices.Index(levels, c.was), slices.Index(levels, c.is)
		if was >= 0 && is >= 0 {
			return effect(cmp.Compare(is, was)), fmt.Sprintf("level %v intended, %v found", c.was, c.is)
		}
	case len(rest) > 0 && len(rest) <= 2 && rest[0] == "exclude" && c.was == nil:
		return weaker, "a control is newly excluded"
	case len(rest) > 0 && len(rest) <= 2 && rest[0] == "exclude" && c.is == nil:
		return stronger, "a control is not excluded any more"
	case len(rest) > 2 && rest[len(rest)-1] == "images":
		return listed(c, weaker, "images newly excluded", "images not excluded any more")
	}
	return unknown, ""
}

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

func asList(v any) []any { l, _ := v.([]any); return l }

// toggle is a boolean with a default; on says what true does.
func toggle(c change, fallback bool, on effect, yes, no string) (effect, string) {
	read := func(v any) bool {
		if b, ok := v.(bool); ok {
			return b
		}
		return fallback
	}
	switch was, is := read(c.was), read(c.is); {
	case was == is:
		return unknown, ""
	case is:
		return on, yes
	}
	return -on, no
}

// listed is a list of plain values; more says what more of them do.
func listed(c change, more effect, added, removed string) (effect, string) {
	was, is := asList(c.was), asList(c.is)
	won, lost := without(is, was), without(was, is)
	switch {
	case len(won) > 0 && len(lost) == 0:
		return more, added + ": " + join(won)
	case len(lost) > 0 && len(won) == 0:
		return -more, removed + ": " + join(lost)
	}
	return unknown, ""
}

func join(list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
