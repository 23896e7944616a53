package reports

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A Mark is a step as a picture shows it.
type Mark struct {
	Kind    MarkKind      `json:"kind"`
	At      timeline.Span `json:"at"`
	Took    timeline.Span `json:"took"`
	Stage   int           `json:"stage"` // its index in the timeline; -1: before or after all
	Cluster string        `json:"cluster,omitempty"`
	Text    string        `json:"text"`
	Error   string        `json:"error,omitempty"`
}

// A MarkKind says what a mark looks like.
type MarkKind string

// The kinds of marks.
const (
	MarkFailed   MarkKind = "failed"
	MarkDenied   MarkKind = "denied"
	MarkRollback MarkKind = "rollback"
	MarkGate     MarkKind = "gate"
	MarkPolicy   MarkKind = "policy"
	MarkTraffic  MarkKind = "traffic"
	MarkStep     MarkKind = "step"
)

type stepWord struct {
	word string
	kind MarkKind
}

// A step's kind is found by what it begins with, or else by a word in it: names of policies
// are in it too.
var (
	stepStarts = []stepWord{{"gate", MarkGate}, {"way back", MarkRollback}, {"rolled back", MarkRollback}, {"in force", MarkPolicy}}
	stepWords  = []stepWord{{"requests sent", MarkTraffic}, {"traffic sent", MarkTraffic}, {"policy ", MarkPolicy}, {"policies ", MarkPolicy}, {"exception ", MarkPolicy}}
)

func kindOf(s *timeline.Step) MarkKind {
	if s.Error != "" {
		return MarkFailed
	}
	what := strings.ToLower(s.What)
	if at := slices.IndexFunc(stepStarts, func(w stepWord) bool { return strings.HasPrefix(what, w.word) }); at >= 0 {
		return stepStarts[at].kind
	}
	if at := slices.IndexFunc(stepWords, func(w stepWord) bool { return strings.Contains(what, w.word) }); at >= 0 {
		return stepWords[at].kind
	}
	return MarkStep
}

func marksOf(t *timeline.Timeline) []Mark {
	stages := map[string]int{}
	for i := range t.Stages {
		stages[t.Stages[i].Name] = i
	}
	out := []Mark{}
	told := map[[2]string]bool{} // denials that a step of traffic shows
	for i := range t.Steps {
		m := markOf(&t.Steps[i], stages)
		if m.Kind == MarkTraffic && m.Stage >= 0 {
			m.denials(&t.Stages[m.Stage], told)
		}
		out = append(out, m)
	}
	for i := range t.Stages {
		out = append(out, untold(i, &t.Stages[i], told)...)
	}
	slices.SortStableFunc(out, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	return out
}

func markOf(s *timeline.Step, stages map[string]int) Mark {
	m := Mark{Kind: kindOf(s), At: s.At, Took: s.Took, Stage: -1, Cluster: s.Cluster, Text: s.What, Error: s.Error}
	if at, ok := stages[s.Stage]; ok && s.Stage != "" {
		m.Stage = at
	}
	return m
}

// denials turns the traffic of a cluster that denied some into a mark of denials.
func (m *Mark) denials(s *timeline.Stage, told map[[2]string]bool) {
	for i := range s.Traffic {
		one := &s.Traffic[i]
		key := [2]string{s.Name, one.Cluster}
		if one.Cluster != m.Cluster || one.Denied == 0 || told[key] {
			continue
		}
		told[key] = true
		m.Kind, m.Text = MarkDenied, m.Text+": "+Number(one.Denied)+" of "+Number(one.Sent)+" denied"
	}
}

// untold marks denials of which no step tells at the end of their stage.
func untold(at int, s *timeline.Stage, told map[[2]string]bool) []Mark {
	var out []Mark
	for i := range s.Traffic {
		one := &s.Traffic[i]
		if one.Denied > 0 && !told[[2]string{s.Name, one.Cluster}] {
			out = append(out, Mark{Kind: MarkDenied, At: End(s.Start, s.Took), Stage: at, Cluster: one.Cluster, Text: Number(one.Denied) + " of " + Number(one.Sent) + " denied"})
		}
	}
	return out
}
