package diff

import (
	"bytes"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// generation adds what differs in what the request makes: one change a rule.
func (c *comparison) generation() {
	if c.before.Decision == verdict.Denied || c.after.Decision == verdict.Denied {
		return
	}
	old, now := byTarget(c.before), byTarget(c.after)
	found := map[ruleKey][]string{}
	for key, object := range now {
		known, ok := old[key]
		switch {
		case object.Deleted:
			if !known.Deleted {
				found[key.rule] = append(found[key.rule], "- "+key.target+": deleted")
			}
		case (!ok || known.Deleted) && object.Same: // it is there as it would be
		case (!ok || known.Deleted) && object.Exists:
			found[key.rule] = append(found[key.rule], "~ "+key.target)
		case !ok || known.Deleted:
			found[key.rule] = append(found[key.rule], "+ "+key.target)
		case !bytes.Equal(known.Object, object.Object):
			found[key.rule] = append(found[key.rule], "~ "+key.target)
		}
	}
	for key, object := range old {
		if _, ok := now[key]; ok || object.Same {
			continue
		}
		text := "- " + key.target
		switch {
		case object.Deleted:
			text = "+ " + key.target + ": kept"
		case object.Exists:
			text = "~ " + key.target + ": left as it is"
		}
		found[key.rule] = append(found[key.rule], text)
	}
	for key, objects := range found {
		slices.Sort(objects)
		c.changes = append(c.changes, Change{
			Class: GenerationChanged, Policy: key.policy, Rule: key.rule, Objects: objects,
			Before: maker(c.old, key), After: maker(c.new, key),
		})
	}
	c.deletion()
}

type targetKey struct {
	rule   ruleKey
	target string
}

func byTarget(j *verdict.Judgement) map[targetKey]verdict.Generated {
	out := make(map[targetKey]verdict.Generated, len(j.Generated))
	for _, g := range j.Generated {
		out[targetKey{ruleKey{g.Policy, g.Rule, verdict.Generate}, g.Target}] = g
	}
	return out
}

// maker is the verdict of the rule that makes an object, or changes one.
func maker(rules map[ruleKey]*verdict.Verdict, key ruleKey) *verdict.Verdict {
	if v := rules[key]; v != nil {
		return v
	}
	key.kind = verdict.MutateExisting
	return rules[key]
}

// deletion adds objects that a cleanup or deleting policy would, or would no longer, delete.
func (c *comparison) deletion() {
	for _, side := range []struct {
		rules, other map[ruleKey]*verdict.Verdict
		verdicts     []verdict.Verdict
		text         string
	}{{c.new, c.old, c.after.Verdicts, "- the object itself"}, {c.old, c.new, c.before.Verdicts, "+ the object is kept"}} {
		for i := range side.verdicts {
			v := &side.verdicts[i]
			key := ruleKey{v.Policy, v.Rule, v.Type}
			if v.Type != verdict.Delete || v.Outcome != verdict.Pass || deletes(side.other[key]) {
				continue
			}
			c.changes = append(c.changes, Change{
				Class: GenerationChanged, Policy: v.Policy, Rule: v.Rule, Before: c.old[key], After: c.new[key],
				Message: v.Message, Objects: []string{side.text},
			})
		}
	}
}

func deletes(v *verdict.Verdict) bool { return v != nil && v.Outcome == verdict.Pass }
