package diff

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// mutation adds what differs in what the request stores: one change for each policy that makes
// something else of the object, or one for all where none does by itself.
func (c *comparison) mutation() {
	if bytes.Equal(c.before.Patch, c.after.Patch) || c.before.Decision == verdict.Denied || c.after.Decision == verdict.Denied {
		return
	}
	old, now := byPolicy(c.before.Mutations), byPolicy(c.after.Mutations)
	found := false
	for _, policy := range slices.SortedFunc(maps.Keys(union(old, now)), mutator.compare) {
		if was, is := old[policy], now[policy]; !was.same(is) {
			found = true
			c.mutated(policy, was, is)
		}
	}
	if !found {
		c.changes = append(c.changes, Change{Class: MutationChanged, Patch: c.after.Patch, OldPatch: c.before.Patch})
	}
}

func (c *comparison) mutated(policy mutator, was, is *part) {
	change := Change{Class: MutationChanged, Policy: policy.ref, Patch: is.patch(), OldPatch: was.patch()}
	old, now := was.first(), is.first()
	if name, ok := soleRule(was, is); ok {
		change.Rule, old, now = name, name, name
	}
	change.Before, change.After = c.old[ruleKey{policy.ref, old, policy.kind}], c.new[ruleKey{policy.ref, now, policy.kind}]
	c.changes = append(c.changes, change)
}

// mutator is a policy with what its rules are for.
type mutator struct {
	ref  verdict.PolicyRef
	kind verdict.RuleType
}

func (m mutator) compare(o mutator) int {
	return cmp.Or(m.ref.Compare(o.ref), cmp.Compare(m.kind, o.kind))
}

// part is what one policy has in a patch: all that it did, also when it was asked again. nil: nothing.
type part struct {
	operations []json.RawMessage
	rules      map[string]string // that applied, with their definitions
	definition any
}

func byPolicy(mutations []verdict.Mutation) map[mutator]*part {
	parts := map[mutator]*part{}
	for _, m := range mutations {
		key := mutator{m.Policy, m.Type}
		if parts[key] == nil {
			parts[key] = &part{rules: map[string]string{}, definition: m.Definition}
		}
		var operations []json.RawMessage
		_ = json.Unmarshal(m.Patch, &operations) // it was encoded before
		parts[key].operations = append(parts[key].operations, operations...)
		for _, rule := range m.Rules {
			parts[key].rules[rule.Name] = rule.Definition
		}
	}
	return parts
}

func union(a, b map[mutator]*part) map[mutator]bool {
	all := map[mutator]bool{}
	for _, parts := range []map[mutator]*part{a, b} {
		for key := range parts {
			all[key] = true
		}
	}
	return all
}

func (p *part) patch() json.RawMessage {
	if p == nil {
		return nil
	}
	patch, _ := json.Marshal(p.operations) // they were decoded before
	return patch
}

// same tells whether a policy does the same on both sides. Of one that is itself the same, places in
// lists do not count: another policy may have added to them.
func (p *part) same(q *part) bool {
	if p == nil || q == nil {
		return p == q
	}
	anywhere := p.definition == q.definition
	return slices.Equal(leaves(p.operations, anywhere), leaves(q.operations, anywhere))
}

// first is the first rule by name that applied; empty: none did.
func (p *part) first() string {
	if names := slices.Sorted(maps.Keys(p.applied())); len(names) > 0 {
		return names[0]
	}
	return ""
}

// soleRule is the rule that differs, where it is the only one: one that applies on one side alone,
// or is defined otherwise. Where no rule differs, it is the only one that applies.
func soleRule(was, is *part) (string, bool) {
	old, now := was.applied(), is.applied()
	differs := map[string]bool{}
	for name, definition := range now {
		if before, ok := old[name]; !ok || before != definition {
			differs[name] = true
		}
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			differs[name] = true
		}
	}
	names := slices.Collect(maps.Keys(differs))
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(now))
	}
	if len(names) != 1 {
		return "", false
	}
	return names[0], true
}

func (p *part) applied() map[string]string {
	if p == nil {
		return nil
	}
	return p.rules
}
