package rollout

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// policyWarning is how Kyverno and the API server's own policies warn.
var policyWarning = regexp.MustCompile(`^policy \S+\.\S+: |^Policy \S+ (failed|error): |^Validation failed for ValidatingAdmissionPolicy `)

// An API server tells of mostWarnings runes in an answer. Beyond, it cuts every warning to shortened
// runes, and drops those that come when so much is told. Source: k8s.io/apiserver
// pkg/endpoints/filters/warning.go, truncateAtTotalRunes and truncateItemRunes.
const (
	mostWarnings = 4 * 1024
	shortened    = 256
)

// differentWarnings compares the rules that warn, but for those that are undecided. Where more is to
// tell than an API server tells, what is heard must be among what is foretold, cut as the server cuts it.
func differentWarnings(j verdict.Judgement, a traffic.Answer) *difference {
	undecided := open(j)
	live := slices.DeleteFunc(slices.Clone(a.Warnings), func(w string) bool { return !policyWarning.MatchString(w) })
	live = unique(without(live, undecided))
	offline := unique(without(slices.Clone(j.Warnings), undecided))
	others := slices.DeleteFunc(slices.Clone(a.Warnings), func(w string) bool { return slices.Contains(live, w) })
	cut := runes(offline)+runes(others) > mostWarnings || runes(a.Warnings) > mostWarnings
	if cut {
		offline = append(offline, without(shortenable(j.Undelivered), undecided)...)
	}
	for i, w := range live {
		live[i] = words(inPlaceOf(j, w))
	}
	dropped := cut && runes(a.Warnings) >= mostWarnings // any of them: webhooks answer in no order
	if heardOf(offline, live) && (dropped || allHeard(offline, live)) {
		return nil
	}
	return &difference{lines(offline), lines(live)}
}

// heardOf tells whether every warning that was heard is one that was foretold.
func heardOf(foretold, heard []string) bool {
	return !slices.ContainsFunc(heard, func(h string) bool {
		return !slices.ContainsFunc(foretold, func(f string) bool { return heardAs(f, h) })
	})
}

// allHeard tells whether every warning that was foretold was heard.
func allHeard(foretold, heard []string) bool {
	return !slices.ContainsFunc(foretold, func(f string) bool {
		return !slices.ContainsFunc(heard, func(h string) bool { return heardAs(f, h) })
	})
}

func heardAs(foretold, heard string) bool {
	return sameWarning(words(foretold), heard) || words(shorten(foretold)) == heard
}

// shortenable are warnings that are no header of HTTP as they are, and are one when they are cut.
func shortenable(undelivered []string) []string {
	return slices.DeleteFunc(slices.Clone(undelivered), func(w string) bool { return strings.ContainsFunc(shorten(w), unicode.IsControl) })
}

// shorten cuts a warning as the API server does.
func shorten(warning string) string {
	if utf8.RuneCountInString(warning) <= shortened {
		return warning
	}
	return string([]rune(warning)[:shortened])
}

// runes is how long warnings are together.
func runes(warnings []string) (n int) {
	for _, w := range warnings {
		n += utf8.RuneCountInString(w)
	}
	return n
}

// lines are warnings as they are shown, sorted.
func lines(warnings []string) string {
	out := slices.Clone(warnings)
	for i, w := range out {
		out[i] = words(w)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

// inPlaceOf is the warning of the replay in whose place one was heard, where Kyverno draws its words.
func inPlaceOf(j verdict.Judgement, heard string) string {
	for _, w := range j.Warnings {
		if slices.ContainsFunc(j.Instead[w], func(other string) bool { return sameWarning(words(other), words(heard)) }) {
			return w
		}
	}
	return heard
}
