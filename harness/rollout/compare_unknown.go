package rollout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const drawnOrder = "the order of policies decides, which the cluster draws for each request"

// part is one of those that are compared.
func (set *compared) part(name string) *timeline.Part {
	return &set.out.Parts[slices.Index(parts, name)]
}

// undecided counts a part of an answer that is not compared, or not all of it, because the replay
// does not know it. A reason counts once for a request, whatever parts it leaves open.
func (c *comparison) undecided(set *compared, l *live, rec *capture.Record, part *int, reason string) {
	*part++
	set.unknown.once(l.Name+" "+strconv.FormatInt(rec.Seq, 10), reason, l.Name+" "+request(rec))
}

// unjudged counts a part of an answer that is not compared because the cluster gave none.
func (c *comparison) unjudged(set *compared, l *live, rec *capture.Record, part string, a traffic.Answer) {
	set.part(part).Unjudged++
	set.gone.once(l.Name+" "+strconv.FormatInt(rec.Seq, 10), cmp.Or(a.Reason, string(a.Kind)), l.Name+" "+request(rec))
}

// open are the undecided rules of an answer, but for those that act after it.
func open(j verdict.Judgement) (out []verdict.Verdict) {
	for _, v := range j.Verdicts {
		answers := v.Type == verdict.Validate || v.Type == verdict.Mutate || v.Type == verdict.VerifyImages
		if answers && v.Outcome == verdict.Undecided {
			out = append(out, v)
		}
	}
	return out
}

// changing is the first of undecided rules that may change the object.
func changing(undecided []verdict.Verdict) (reason string, found bool) {
	for _, v := range undecided {
		if v.Type != verdict.Validate {
			return v.Reason, true
		}
	}
	return "", false
}

// warns tells whether a warning is one of a rule.
func warns(v verdict.Verdict, warning string) bool {
	name := v.Policy.Name
	classic := "policy " + name + "."
	if v.Rule != "" {
		classic += v.Rule + ": "
	}
	for _, begins := range []string{classic, "Policy " + name + " failed: ", "Policy " + name + " error: "} {
		if strings.HasPrefix(warning, begins) {
			return true
		}
	}
	// An admission policy may be one that Kyverno made, with a name that ends in the policy's.
	rest, ok := strings.CutPrefix(warning, "Validation failed for ValidatingAdmissionPolicy '")
	told, _, _ := strings.Cut(rest, "'")
	return ok && (told == name || strings.HasSuffix(told, "-"+name))
}

// without are warnings without those of undecided rules.
func without(warnings []string, undecided []verdict.Verdict) []string {
	return slices.DeleteFunc(warnings, func(warning string) bool {
		return slices.ContainsFunc(undecided, func(v verdict.Verdict) bool { return warns(v, warning) })
	})
}
