package drift

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// configRef is Kyverno's ConfigMap: what it keeps from every policy.
var configRef = Ref{Kind: "ConfigMap", Namespace: "kyverno", Name: "kyverno"}

// excluders are the keys whose entries keep requests from Kyverno.
var excluders = []string{"resourceFilters", "excludeGroups", "excludeUsernames", "excludeRoles", "excludeClusterRoles"}

// config compares Kyverno's ConfigMap: with the hub's where it places one, else with the
// release's, of which only less is drift: every cluster may exclude less.
func (c *comparison) config(d *placement.Delivered) (Object, bool) {
	o := Object{Ref: configRef, State: InSync}
	base := c.q.Config
	if d != nil {
		o.Placement, o.Overrides, o.Stale = d.Placement, d.Overrides, d.Stale
		base = &d.Object
	}
	found := lookUp(c.cluster.World, policy.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: configRef.Namespace, Name: configRef.Name})
	switch {
	case found == nil && d == nil, base == nil:
		return o, false
	case found == nil:
		c.absent(&o, d)
		o.settle()
		return o, true
	}
	changes := configChanges(section(decode(base.JSON), "data"), section(decode(found.JSON), "data"))
	for _, e := range effects {
		var differences []Difference
		for _, ch := range changes {
			if ch.effect == e.effect && (d != nil || e.effect == weaker) {
				differences = append(differences, ch.Difference)
			}
		}
		if len(differences) == 0 {
			continue
		}
		text := summary(differences)
		if d == nil {
			text += " (compared with Kyverno's own defaults: the hub places no ConfigMap kyverno/kyverno)"
		}
		f := c.find(&o, e.kind, text, "set the ConfigMap back, or bring it to the hub")
		f.Differences = differences
	}
	o.settle()
	return o, d != nil || len(o.Findings) > 0
}

type configChange struct {
	Difference
	effect effect
}

func configChanges(was, is map[string]any) []configChange {
	var out []configChange
	add := func(key string, e effect, intended, installed []string, why string) {
		out = append(out, configChange{Difference{pathText([]string{"data", key}), entriesText(intended), entriesText(installed), why}, e})
	}
	for _, key := range excluders {
		before, after := configList(key, was[key]), configList(key, is[key])
		won, lost := uncoveredFilters(after, before), uncoveredFilters(before, after)
		if len(won) > 0 {
			add(key, weaker, nil, won, "Kyverno is kept from more ("+key+"): "+strings.Join(won, " "))
		}
		if len(lost) > 0 {
			add(key, stronger, lost, nil, "Kyverno is kept from less ("+key+"): "+strings.Join(lost, " "))
		}
	}
	for _, ch := range changesOf(webhooks(was["webhooks"]), webhooks(is["webhooks"])) {
		e, why := scoped(ch, ch.path, stronger, "Kyverno's webhooks take")
		out = append(out, configChange{Difference{pathText(append([]string{"data", "webhooks"}, ch.path...)), raw(ch.was), raw(ch.is), why}, e})
	}
	for _, ch := range changesOf(rest(was), rest(is)) {
		out = append(out, configChange{Difference{pathText(append([]string{"data"}, ch.path...)), raw(ch.was), raw(ch.is), ""}, unknown})
	}
	return out
}

// entriesText are the entries of a list that one side has more; nil for none.
func entriesText(list []string) json.RawMessage {
	if len(list) == 0 {
		return nil
	}
	return raw(strings.Join(list, " "))
}

// rest is what of the data excludes nothing.
func rest(data map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range data {
		if key != "webhooks" && !slices.Contains(excluders, key) {
			out[key] = value
		}
	}
	return out
}

// configList takes a value apart: "[Event,*,*] [*/*,kube-system,*]", "system:nodes,admins".
func configList(key string, value any) []string {
	text, _ := value.(string)
	separator := ","
	if key == "resourceFilters" {
		text, separator = strings.ReplaceAll(strings.Join(strings.Fields(text), ""), "][", "]\n["), "\n"
	}
	var out []string
	for part := range strings.SplitSeq(text, separator) {
		if part = strings.TrimSpace(part); part != "" && part != "!" {
			out = append(out, part)
		}
	}
	return out
}

// uncoveredFilters are the entries that no entry of the other list takes, part by part. The kind */*
// is every kind with its subresources.
func uncoveredFilters(list, by []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool {
		return slices.ContainsFunc(by, func(p string) bool {
			want, have := strings.Split(strings.Trim(p, "[]"), ","), strings.Split(strings.Trim(e, "[]"), ",")
			for i := range max(len(want), len(have)) {
				whole := i == 0 && at(want, i) == everything
				if !whole && (i == 0 && at(have, i) == everything || !wildcard(at(want, i), at(have, i))) {
					return false
				}
			}
			return true
		})
	})
}

const everything = "*/*"

// at is a part of a filter; those that are left out take everything.
func at(parts []string, i int) string {
	if i >= len(parts) || parts[i] == "" {
		return "*"
	}
	return parts[i]
}

// webhooks decodes the selectors of the webhooks: one object, or a list of which the first counts.
func webhooks(value any) map[string]any {
	text, _ := value.(string)
	var one map[string]any
	if json.Unmarshal([]byte(text), &one) == nil {
		return one
	}
	var many []map[string]any
	if json.Unmarshal([]byte(text), &many) == nil && len(many) > 0 {
		return many[0]
	}
	if text != "" {
		return map[string]any{"unreadable": fmt.Sprint(text)}
	}
	return map[string]any{}
}
