package render

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// classWords are the words for a class: as a sentence part, and as a column's head.
var classWords = map[reports.Class]struct{ long, short string }{
	reports.NewlyDenied:       {"newly denied", "denied"},
	reports.Error:             {"error", "error"},
	reports.Undecided:         {"undecided", "undecided"},
	reports.NewlyAllowed:      {"newly allowed", "allowed"},
	reports.NewlyFailing:      {"newly failing in audit", "audit"},
	reports.NewlyWarned:       {"newly warned", "warned"},
	reports.MutationChanged:   {"mutation changed", "mutated"},
	reports.GenerationChanged: {"generation changed", "generated"},
	reports.Resolved:          {"resolved", "resolved"},
}

// long is a class in words. One that this version does not know is shown as written.
func long(c reports.Class) string {
	if words, ok := classWords[c]; ok {
		return words.long
	}
	return clean(string(c))
}

func short(c reports.Class) string {
	if words, ok := classWords[c]; ok {
		return words.short
	}
	return clean(string(c))
}

// biteWords say when a change is felt.
var biteWords = map[reports.Bite]string{
	reports.BitesNow:     "at once",
	reports.NextRestart:  "at the next restart",
	reports.NextRollout:  "at the next rollout",
	reports.NextChange:   "at the next change",
	reports.NextCreation: "when it is made anew",
}

func when(b reports.Bite) string {
	if words, ok := biteWords[b]; ok {
		return words
	}
	return clean(string(b))
}

func whens(bites []reports.Bite) string {
	words := make([]string, len(bites))
	for i, b := range bites {
		words[i] = when(b)
	}
	return strings.Join(words, ", ")
}

func count(n int, noun string) string { return reports.Count(n, noun) }
func number(n int) string             { return reports.Number(n) }

// place is a namespace for people; cluster-scoped objects have none.
func place(namespace string) string {
	if namespace == "" {
		return "(cluster-scoped)"
	}
	return namespace
}

// owner is "Deployment shop/cart".
func owner(w *reports.Workload) string {
	if w.Namespace == "" {
		return w.Kind + " " + w.Name
	}
	return w.Kind + " " + w.Namespace + "/" + w.Name
}

// ruleName is "require-labels / check-team": the policy as people call it, and the rule if it has a name.
func ruleName(p verdict.PolicyRef, rule string) string {
	name := p.Name
	if p.Namespace != "" {
		name = p.Namespace + "/" + name
	}
	if rule != "" {
		name += " / " + rule
	}
	return name
}

// position is "policies/a.yaml:12"; the line may be unknown.
func position(file string, line int) string {
	if line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// set is one side in words: "policies (8c1d2f0): 4 policies, 1 other object".
func set(s *reports.Set) string {
	text := s.Source
	if s.Revision != "" {
		text += " (" + s.Revision + ")"
	}
	text += ": " + policies(s.Policies)
	if s.Others > 0 {
		text += ", " + count(s.Others, "other object")
	}
	return text
}

func policies(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return number(n) + " policies"
}

// judged is what was put to both sides: "1,116 of 1,204 requests of 143 workloads".
func judged(t *reports.Totals) string {
	text := number(t.Requests-t.OutOfScope) + " of " + count(t.Requests, "request") + " of " + count(t.Workloads, "workload")
	if t.Incomplete > 0 {
		text += "; " + number(t.Incomplete) + " without a body"
	}
	return text
}

// captured is a capture in words.
func captured(c *reports.Capture) string {
	text := c.File + ": " + count(c.Records, "record")
	if c.From != nil && c.To != nil {
		text += ", " + c.From.UTC().Format("2006-01-02 15:04") + " to " + c.To.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return text
}

// compact writes a JSON value without spaces, however it was read.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

// present lists the classes that at least one of the counts has, worst first.
func present(counts ...reports.Counts) []reports.Class {
	var classes []reports.Class
	for _, class := range reports.Classes() {
		for _, c := range counts {
			if c[class] > 0 {
				classes = append(classes, class)
				break
			}
		}
	}
	return classes
}

// asOf is the time that the report is of.
func asOf(r *reports.Report) string {
	at := r.Question.At
	if !r.Predicted() {
		at = r.Rehearsal.Started
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// patches are the JSON patches of a finding, each with a word before it.
func patches(f *reports.Finding) (out []string) {
	if len(f.Patch) > 0 {
		out = append(out, "patch "+compact(f.Patch))
	}
	if len(f.OldPatch) > 0 {
		out = append(out, "patch of the baseline "+compact(f.OldPatch))
	}
	return out
}
