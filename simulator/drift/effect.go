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
