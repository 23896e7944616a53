package rollout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"

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

// differentObject compares what policies change. Live that is what the answers with and
// without the policies differ in; the rest is the API server's.
func differentObject(sent, patch, without, with json.RawMessage) *difference {
	if len(sent) == 0 {
		return nil
	}
	offline, err := changesOf(sent, patch)
	if err != nil {
		return &difference{"the patch does not apply: " + err.Error(), ""}
	}
	live := leaves(decoded(without), decoded(with))
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(offline)) {
		if !reflect.DeepEqual(offline[path], live[path]) && !covers(live, path, offline[path], decoded(with)) {
			wrong = append(wrong, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(live)) {
		if _, ok := offline[path]; !ok && !below(offline, path, decoded(without)) && !volatile(path, live[path]) {
			wrong = append(wrong, path)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &difference{show(offline, wrong), show(live, wrong)}
}

func changesOf(sent, patch json.RawMessage) (map[string]any, error) {
	if len(patch) == 0 {
		return nil, nil
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	after, err := operations.Apply(sent)
	if err != nil {
		return nil, err
	}
	return leaves(decoded(sent), decoded(after)), nil
}

func decoded(content json.RawMessage) any {
	var value any
	_ = json.Unmarshal(content, &value) // both come from JSON encoders
	return value
}

// leaves lists by path where after differs from before; a value that is gone is nil.
func leaves(before, after any) map[string]any {
	found := map[string]any{}
	walk(found, "", before, after)
	return found
}

// Paths are JSON pointers (RFC 6901).
var (
	pointer = strings.NewReplacer("~", "~0", "/", "~1")
	unpoint = strings.NewReplacer("~1", "/", "~0", "~")
)

func walk(found map[string]any, path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	b, ok1 := before.(map[string]any)
	a, ok2 := after.(map[string]any)
	if ok2 && (ok1 || before == nil && len(a) > 0) {
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for key := range keys {
			walk(found, path+"/"+pointer.Replace(key), b[key], a[key])
		}
		return
	}
	list, ok := after.([]any)
	old, was := before.([]any)
	if ok && (was || before == nil && len(list) > 0) {
		for i := range max(len(list), len(old)) {
			var x, y any
			if i < len(old) {
				x = old[i]
			}
			if i < len(list) {
				y = list[i]
			}
			walk(found, fmt.Sprintf("%s/%d", path, i), x, y)
		}
		return
	}
	found[path] = after
}

// covers tells whether the API server already had what a policy sets, by default or because
// it was so before: the object has the value, and nothing changed.
func covers(live map[string]any, path string, want, object any) bool {
	if _, changed := live[path]; changed {
		return false
	}
	at := valueAt(object, path)
	return reflect.DeepEqual(at, want) || isEmpty(want) && isEmpty(at)
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// below tells whether a path lies in something that a policy added: the API server's
// defaults for it.
func below(offline map[string]any, path string, without any) bool {
	for at := strings.LastIndex(path, "/"); at > 0; at = strings.LastIndex(path[:at], "/") {
		if parent := path[:at]; valueAt(without, parent) == nil && adds(offline, parent) {
			return true
		}
	}
	return false
}

func adds(offline map[string]any, parent string) bool {
	for path := range offline {
		if strings.HasPrefix(path, parent+"/") {
			return true
		}
	}
	return false
}

// valueAt finds what stands at a path, nil for nothing.
func valueAt(at any, path string) any {
	for _, step := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		switch node := at.(type) {
		case map[string]any:
			at = node[unpoint.Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(node) {
				return nil
			}
			at = node[i]
		default:
			return nil
		}
	}
	return at
}

// volatile are fields that the API server makes up anew for every request.
func volatile(path string, value any) bool {
	for _, prefix := range []string{"/metadata/managedFields", "/metadata/creationTimestamp", "/metadata/uid", "/metadata/resourceVersion", "/metadata/generation", "/metadata/name", "/status"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	drawn := path == "/spec/clusterIP" || strings.HasPrefix(path, "/spec/clusterIPs/") || strings.HasSuffix(path, "odePort") || strings.HasSuffix(path, "controller-uid")
	text, _ := value.(string)
	return drawn || strings.HasPrefix(text, "kube-api-access-")
}

func show(values map[string]any, paths []string) string {
	var lines []string
	for _, path := range paths[:min(len(paths), 10)] {
		text, err := json.Marshal(values[path])
		if value, ok := values[path]; !ok {
			text = []byte("unchanged")
		} else if err != nil {
			text = []byte(fmt.Sprint(value))
		}
		lines = append(lines, path+": "+string(text))
	}
	return strings.Join(lines, "\n")
}
