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
	var known []string
	for _, p := range possible {
		if slices.Equal(said(p), live) {
			return nil
		}
		if celSaying.MatchString(p) || mutationErrors.MatchString(words(p)) {
			known = append(known, said(p)...)
		}
	}
	if !slices.ContainsFunc(live, func(s string) bool { return !slices.Contains(known, s) }) {
		return nil
	}
	return &difference{strings.Join(possible, "\nor: "), a.Said()}
}

// celSaying begins what one CEL policy says in a denial.
var celSaying = regexp.MustCompile(`(?:^|; )(Policy \S+ (?:failed|error): )`)

// mutationErrors is how MutatingPolicies refuse: a list of what each says.
var (
	mutationErrors = regexp.MustCompile(`^(Resource: \S+, Kind: \S+, Errors:) \[(.*)\]$`)
	mutationSaying = regexp.MustCompile(`(?:^| )(Policy \S+: )`)
)

// said are the sayings that a message joins, in order; of other messages the whole.
func said(message string) []string {
	message = inOrder(words(message))
	if m := mutationErrors.FindStringSubmatch(message); m != nil {
		return append(sayings(mutationSaying, m[2]), m[1])
	}
	if list := sayings(celSaying, message); list != nil {
		return list
	}
	return []string{message}
}

// sayings are the parts of a list whose parts begin with a pattern's first group, sorted;
// nil of what does not begin so.
func sayings(begin *regexp.Regexp, list string) (out []string) {
	starts := begin.FindAllStringSubmatchIndex(list, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		return nil
	}
	for i, at := range starts {
		end := len(list)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out = append(out, list[at[2]:end])
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
	a.Object = drawn.ReplaceAll(a.Object, []byte(admission.Generated(prefix)))
	a.Warnings = slices.Clone(a.Warnings)
	for i := range a.Warnings {
		a.Warnings[i] = drawn.ReplaceAllString(a.Warnings[i], admission.Generated(prefix))
	}
	return a
}

// pluginSaying matches what the API server's own plugins say that refuse before webhooks validate.
var pluginSaying = regexp.MustCompile(`is forbidden: (?:violates PodSecurity |\[?(?:minimum|maximum) |PriorityClass \S+ is already marked as default)`)

// undecodable tells that the API server could not decode the object, and asked nobody.
func undecodable(a traffic.Answer) bool {
	return a.Code == http.StatusBadRequest && strings.Contains(a.Message, "cannot be handled as a")
}

// unasked tells that the API server refused by itself, for a reason that the replay knows.
func unasked(a traffic.Answer) bool { return undecodable(a) || pluginSaying.MatchString(a.Message) }

// turns tells whether policies turned the answer to a request: it is refused with them, by the
// API server's own words too, and was admitted without, or the other way round. That the server
// was busy is no answer.
func turns(before []traffic.Answer, i int, a traffic.Answer) bool {
	if i >= len(before) || a.Code == 0 && a.Kind == traffic.Unjudged || busy(a) || busy(before[i]) {
		return false
	}
	was := before[i].Kind
	return was == traffic.Admitted && (a.Kind == traffic.Unjudged || a.Kind == traffic.Denied) || was == traffic.Unjudged && a.Kind == traffic.Admitted
}

func busy(a traffic.Answer) bool {
	switch a.Code {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// differentRefusal compares the answers to an object about which no policy is asked.
func differentRefusal(j verdict.Judgement, a traffic.Answer) *difference {
	if j.Decision == verdict.OutOfScope && (undecodable(a) || words(j.Reason) == words(a.Message)) {
		return nil
	}
	return &difference{string(j.Decision) + ": " + cmp.Or(j.Reason, decisive(j)), "refused: " + a.Message}
}

func words(s string) string {
	return tokenVolume.ReplaceAllString(strings.Join(strings.Fields(s), " "), "${1}xxxxx")
}

// tokenVolume is the volume of a pod's token, whose name an API server draws for each request.
var tokenVolume = regexp.MustCompile(`\b(kube-api-access-)[a-z0-9]{5}\b`)

// Paths are JSON pointers (RFC 6901).
var (
	pointer = strings.NewReplacer("~", "~0", "/", "~1")
	unpoint = strings.NewReplacer("~1", "/", "~0", "~")
)
