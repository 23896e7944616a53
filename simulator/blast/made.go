package blast

import (
	"slices"

	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// made adds what is said of an object that a controller would make of the record before. Where a side
// refuses what it is made of, there is none.
func (m *Meter) made(a replay.Answer) []diff.Change {
	if isPod(a.Record) {
		m.radius.TemplatePods++
	} else {
		m.radius.TemplateOthers++
	}
	m.asked(&a.Sides[1])
	if a.Sides[0].Decision == verdict.OutOfScope && a.Sides[1].Decision == verdict.OutOfScope {
		m.radius.TemplateReasons[a.Sides[1].Reason]++
	}
	if m.ended[1] {
		return nil
	}
	before := m.ended[0]
	m.ended.Follow(a)
	if before {
		a.Sides = []verdict.Judgement{{Decision: verdict.OutOfScope}, a.Sides[1]}
	}
	changes := m.beyond(a)
	m.last = append(m.last, changes...)
	m.radius.TemplatePodsDiffer += min(len(changes), 1)
	return changes
}

// beyond adds what a record that nobody sent says beyond the one that it is derived of, which was
// the answer before.
func (m *Meter) beyond(a replay.Answer) []diff.Change {
	changes := slices.DeleteFunc(diff.Compare(&a.Sides[0], &a.Sides[1]), func(c diff.Change) bool {
		if a.Record.Again && (c.Class == diff.Resolved || c.Class == diff.GenerationChanged) {
			return true // a violation that may stand is none that is gone
		}
		return slices.ContainsFunc(m.last, func(o diff.Change) bool {
			return o.Class == c.Class && o.Policy == c.Policy && verdict.Written(o.Rule) == verdict.Written(c.Rule)
		})
	})
	if len(changes) > 0 {
		m.change(a.Record, changes, nil)
		m.spent.add(m, a.Record, &a.Sides[0], &a.Sides[1], changes)
		m.unknown("candidate", undecidedOf(changes))
	}
	return changes
}

// undecidedOf is what changes leave undecided.
func undecidedOf(changes []diff.Change) *verdict.Judgement {
	var j verdict.Judgement
	for _, c := range changes {
		if c.Class == diff.Undecided && c.After != nil {
			j.Verdicts = append(j.Verdicts, *c.After)
		}
	}
	return &j
}
