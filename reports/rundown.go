package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A Rundown is a timeline counted and sorted for readers. It is made from the timeline
// alone whenever a report is shown, and is no part of the JSON form.
type Rundown struct {
	Span     timeline.Span `json:"span"`   // from the start to the end of everything
	Stages   []StageSum    `json:"stages"` // one for each of the timeline
	Unmet    []Unmet       `json:"unmet"`  // gate checks that did not pass
	Failures []Failure     `json:"failures"`
	Denied   []DeniedBy    `json:"denied"`  // by policy, most first
	Traffic  []TrafficSum  `json:"traffic"` // by cluster, in fleet order
	Matrix   Matrix        `json:"matrix"`
	Ways     []Way         `json:"ways"`  // fastest first; those that did not always work last
	Marks    []Mark        `json:"marks"` // what to mark on a picture, in time's order
	Fidelity string        `json:"fidelity"`
}

// A StageSum counts one stage.
type StageSum struct {
	Denied int `json:"denied"`
	Errors int `json:"errors"`
	Checks int `json:"checks"` // of its gate
	Passed int `json:"passed"`
}

// An Unmet is a check that held or refused a stage.
type Unmet struct {
	Stage string         `json:"stage"`
	Check timeline.Check `json:"check"`
}

// A Failure is something that did not work for a reason that is no policy's.
type Failure struct {
	Stage   string `json:"stage,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	What    string `json:"what"`
	Error   string `json:"error"`
}

// RundownOf counts and sorts t, which it does not change.
func RundownOf(t *timeline.Timeline) *Rundown {
	r := &Rundown{Span: spanOf(t), Unmet: []Unmet{}, Fidelity: fidelityOf(&t.Fidelity)}
	r.Stages = make([]StageSum, len(t.Stages))
	for i := range t.Stages {
		s := &t.Stages[i]
		r.Stages[i] = sumStage(s)
		for _, c := range s.Gate {
			if c.Outcome != timeline.Passed {
				r.Unmet = append(r.Unmet, Unmet{s.Name, c})
			}
		}
	}
	r.Failures = failuresOf(t)
	r.Denied, r.Traffic = deniedBy(t), trafficOf(t)
	r.Matrix, r.Ways, r.Marks = matrixOf(t), waysOf(t), marksOf(t)
	return r
}

func sumStage(s *timeline.Stage) StageSum {
	sum := StageSum{Checks: len(s.Gate)}
	for i := range s.Traffic {
		sum.Denied += s.Traffic[i].Denied
		sum.Errors += s.Traffic[i].Errors
	}
	for i := range s.Gate {
		if s.Gate[i].Outcome == timeline.Passed {
			sum.Passed++
		}
	}
	return sum
}

// spanOf is the time that a picture must hold; never negative.
func spanOf(t *timeline.Timeline) timeline.Span {
	span := max(t.Took, 0)
	for i := range t.Stages {
		span = max(span, End(t.Stages[i].Start, t.Stages[i].Took))
	}
	for i := range t.Steps {
		span = max(span, End(t.Steps[i].At, t.Steps[i].Took))
	}
	return span
}

// End is when something ended that took so long; a saved file may hold any numbers.
func End(start, took timeline.Span) timeline.Span {
	start, took = max(start, 0), max(took, 0)
	if start > math.MaxInt64-took {
		return math.MaxInt64
	}
	return start + took
}

// failuresOf lists the steps with an error, and the policies that a step does not tell of.
func failuresOf(t *timeline.Timeline) []Failure {
	out := []Failure{}
	seen := map[Failure]bool{}
	for _, s := range t.Steps {
		if s.Error != "" {
			seen[Failure{Stage: s.Stage, Cluster: s.Cluster, Error: s.Error}] = true
			out = append(out, Failure{s.Stage, s.Cluster, s.What, s.Error})
		}
	}
	for _, s := range t.Stages {
		if s.Outcome == timeline.Skipped { // nothing was written
			continue
		}
		for _, c := range s.Changes {
			said := c.Error
			if said == "" && c.Effective < 0 {
				said = "never reported ready"
			}
			if said != "" && !seen[Failure{Stage: s.Name, Cluster: c.Cluster, Error: said}] {
				out = append(out, Failure{s.Name, c.Cluster, c.Policy + " " + c.Action, said})
			}
		}
	}
	return out
}

// fidelityOf is the comparison in one sentence.
func fidelityOf(f *timeline.Fidelity) string {
	text := "no live answer could be compared with a prediction"
	if f.Compared > 0 {
		text = fmt.Sprintf("live and predicted answers agree on %s of %s", Number(f.Agreed), Count(f.Compared, "decided request"))
	}
	if f.Undecided > 0 {
		text += "; " + Number(f.Undecided) + " undecided"
	}
	if n, reasons := refusals(f.Unjudged); n > 0 {
		text += fmt.Sprintf("; %s not judged (%s)", Number(n), reasons)
	}
	if f.Updates > 0 {
		text += "; " + offlineAlone(f.Updates)
	}
	return text
}

// offlineAlone says how many updates of what stands no cluster is asked.
func offlineAlone(updates int) string {
	are := "are"
	if updates == 1 {
		are = "is"
	}
	return fmt.Sprintf("the %s of what stands to itself %s judged offline alone, and not compared", Count(updates, "update"), are)
}

// refusals counts, and lists the reasons; a single one goes without its number.
func refusals(list []timeline.Refusal) (n int, reasons string) {
	if len(list) == 1 {
		return list[0].Count, list[0].Reason
	}
	words := make([]string, len(list))
	for i, r := range list {
		n += r.Count
		words[i] = Number(r.Count) + " " + r.Reason
	}
	return n, strings.Join(words, ", ")
}
