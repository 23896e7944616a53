package rollout

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// differentMessage compares what the user is told. When several webhooks deny, the API
// server tells of the first to answer: the message must be one that may come. One webhook
// joins what its CEL policies say, in no order.
func differentMessage(j verdict.Judgement, a traffic.Answer) *difference {
	live := said(a.Said())
	possible := j.Messages
	if len(possible) == 0 {
		possible = []string{j.Message}
	}
	var sayings []string
	for _, p := range possible {
		if slices.Equal(said(p), live) {
			return nil
		}
		if celSaying.MatchString(p) {
			sayings = append(sayings, said(p)...)
		}
	}
	if !slices.ContainsFunc(live, func(s string) bool { return !slices.Contains(sayings, s) }) {
		return nil
	}
	return &difference{strings.Join(possible, "\nor: "), a.Said()}
}

// celSaying begins what one CEL policy says in a denial.
var celSaying = regexp.MustCompile(`(?:^|; )(Policy \S+ (?:failed|error): )`)

// said are the sayings that a message joins, in order; of other messages the whole.
func said(message string) []string {
	message = words(message)
	var out []string
	starts := celSaying.FindAllStringSubmatchIndex(message, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		return []string{message}
	}
	for i, at := range starts {
		end := len(message)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out = append(out, message[at[2]:end])
	}
	slices.Sort(out)
	return out
}

// named is an answer about an object whose name the API server drew, with the name that
// the replay gives it.
func named(rec *capture.Record, a traffic.Answer) traffic.Answer {
	if rec.Name != "" || rec.Operation != capture.Create {
		return a
	}
	var object struct {
		Metadata struct {
			GenerateName string `json:"generateName"`
		} `json:"metadata"`
	}
	if json.Unmarshal(rec.Object, &object) != nil || object.Metadata.GenerateName == "" {
		return a
	}
	prefix := object.Metadata.GenerateName
	drawn := regexp.MustCompile(regexp.QuoteMeta(prefix) + `[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
	a.Message = drawn.ReplaceAllString(a.Message, admission.Generated(prefix))
	a.Warnings = slices.Clone(a.Warnings)
	for i := range a.Warnings {
		a.Warnings[i] = drawn.ReplaceAllString(a.Warnings[i], admission.Generated(prefix))
	}
	return a
}

// pluginSaying matches what the API server's own plugins say that refuse before webhooks validate.
var pluginSaying = regexp.MustCompile(`is forbidden: (?:violates PodSecurity |\[?(?:minimum|maximum) )`)

// undecodable tells that the API server could not decode the object, and asked nobody.
func undecodable(a traffic.Answer) bool {
	return a.Code == http.StatusBadRequest && strings.Contains(a.Message, "cannot be handled as a")
}

// unasked tells that the API server refused by itself, for a reason that the replay knows.
func unasked(a traffic.Answer) bool { return undecodable(a) || pluginSaying.MatchString(a.Message) }

// differentRefusal compares the answers to an object about which no policy is asked.
func differentRefusal(j verdict.Judgement, a traffic.Answer) *difference {
	if j.Decision == verdict.OutOfScope && (undecodable(a) || words(j.Reason) == words(a.Message)) {
		return nil
	}
	return &difference{string(j.Decision) + ": " + cmp.Or(j.Reason, decisive(j)), "refused: " + a.Message}
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// policyWarning is how Kyverno and the API server's own policies warn.
var policyWarning = regexp.MustCompile(`^policy \S+\.\S+: |^Policy \S+ (failed|error): |^Validation failed for ValidatingAdmissionPolicy `)

// shortened is the length to which an API server may cut warnings.
const shortened = 256

// differentWarnings compares the rules that warn.
func differentWarnings(j verdict.Judgement, a traffic.Answer) *difference {
	var live []string
	for _, w := range a.Warnings {
		if policyWarning.MatchString(w) {
			live = append(live, words(w))
		}
	}
	var offline []string
	for _, w := range j.Warnings {
		offline = append(offline, words(w))
	}
	slices.Sort(live)
	slices.Sort(offline)
	live, offline = slices.Compact(live), slices.Compact(offline)
	same := slices.EqualFunc(offline, live, func(o, l string) bool {
		return o == l || len(l) >= shortened-8 && strings.HasPrefix(o, strings.TrimRight(l, ".… "))
	})
	if same {
		return nil
	}
	return &difference{strings.Join(offline, "\n"), strings.Join(live, "\n")}
}

// Paths are JSON pointers (RFC 6901).
var (
	pointer = strings.NewReplacer("~", "~0", "/", "~1")
	unpoint = strings.NewReplacer("~1", "/", "~0", "~")
)
