package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Origin says where an exception comes from.
type Origin string

// The origins.
const (
	FromHub    Origin = "hub"    // the hub intends it here
	FromMember Origin = "member" // nobody but the cluster knows it
	Abandoned  Origin = "left-behind"
)

// An Exception is what is known of an exception in one cluster.
type Exception struct {
	Origin   Origin     `json:"origin"`
	Policies []string   `json:"policies"`        // that it names, with the rules where it names some
	Said     []Said     `json:"said,omitempty"`  // who asked for it, why, by which ticket
	Until    *time.Time `json:"until,omitempty"` // the earliest of the times at which it should end
	UntilBy  string     `json:"untilBy,omitempty"`
	Expired  bool       `json:"expired,omitempty"`
	Uses     *Use       `json:"uses,omitempty"` // in the capture; absent: not known
}

// Said is one statement about an exception, by an annotation or by its spec.properties.
type Said struct {
	What  string `json:"what"` // "requested by", "approved by", "ticket", "reason"
	Value string `json:"value"`
	By    string `json:"by"` // the annotation, or spec.properties.NAME
}

// said are the statements that are read, in the order in which they are shown: the last part
// of an annotation's key, without case, dashes, dots and underscores. docs/drift.md lists them.
var said = []struct {
	what  string
	names []string
}{
	{"requested by", []string{"requestedby", "requester", "requestor", "owner", "contact", "author"}},
	{"approved by", []string{"approvedby", "approver", "approvers"}},
	{"ticket", []string{"ticket", "issue", "jira", "request", "changerequest"}},
	{"reason", []string{"reason", "justification"}},
}

var untilNames = []string{"expiresat", "expires", "expiry", "expirydate", "expiration", "expirationdate", "exceptionexpiresat", "validuntil", "until", "enddate"}

// newException reads an exception of either API, as it was captured.
func newException(object map[string]any, at time.Time) *Exception {
	e := &Exception{Policies: excepted(object)}
	statements := properties(object)
	for _, s := range said {
		for _, p := range statements {
			if slices.Contains(s.names, p.name) {
				e.Said = append(e.Said, Said{s.what, p.value, p.by})
			}
		}
	}
	for _, u := range untils(object, statements) {
		if e.Until == nil || u.time.Before(*e.Until) {
			e.Until, e.UntilBy = &u.time, u.by
		}
	}
	e.Expired = e.Until != nil && at.After(*e.Until)
	return e
}

// Overdue tells that an exception should have ended at a time, and by what: its label for Kyverno's
// cleanup controller, or an annotation that nobody keeps by himself. What spec.expiresAt says Kyverno heeds.
func Overdue(exception json.RawMessage, at time.Time) (by string, since time.Time, overdue bool) {
	object := decode(exception)
	for _, u := range untils(object, properties(object)) {
		if u.by != expiresAt && at.After(u.time) && (!overdue || u.time.Before(since)) {
			by, since, overdue = u.by, u.time, true
		}
	}
	return by, since, overdue
}

// excepted lists what an exception names: "require-labels: check, autogen-check" or "ValidatingPolicy/x".
func excepted(object map[string]any) []string {
	out := []string{}
	spec := section(object, "spec")
	for _, x := range entries(spec["exceptions"]) {
		text := fmt.Sprint(x["policyName"])
		if rules := asList(x["ruleNames"]); len(rules) > 0 {
			text += ": " + join(rules)
		}
		out = append(out, text)
	}
	for _, r := range entries(spec["policyRefs"]) {
		out = append(out, fmt.Sprintf("%v/%v", r["kind"], r["name"]))
	}
	return out
}

type statement struct{ name, value, by string }

var fillers = strings.NewReplacer("-", "", "_", "", ".", "")

// properties are an exception's annotations and properties with the names by which they are known.
func properties(object map[string]any) []statement {
	var out []statement
	for key, value := range section(section(object, "metadata"), "annotations") {
		out = append(out, statement{known(key), fmt.Sprint(value), key})
	}
	for key, value := range section(section(object, "spec"), "properties") {
		out = append(out, statement{known(key), fmt.Sprint(value), "spec.properties." + key})
	}
	slices.SortFunc(out, func(a, b statement) int { return cmp.Compare(a.by, b.by) })
	return out
}

func known(key string) string {
	return fillers.Replace(strings.ToLower(key[strings.LastIndex(key, "/")+1:]))
}

const expiresAt = "spec.expiresAt"

type until struct {
	time time.Time
	by   string
}

// untils are the times at which an exception should end: Kyverno heeds spec.expiresAt, its
// cleanup controller the label; annotations are promises that nobody keeps by himself.
func untils(object map[string]any, statements []statement) []until {
	var out []until
	if text, ok := section(object, "spec")["expiresAt"].(string); ok {
		if t, ok := readTime(text); ok {
			out = append(out, until{t, expiresAt})
		}
	}
	meta := section(object, "metadata")
	if text, ok := section(meta, "labels")[ttlLabel].(string); ok {
		created, _ := meta["creationTimestamp"].(string)
		if t, ok := ttlTime(text, created); ok {
			out = append(out, until{t, "label " + ttlLabel})
		}
	}
	for _, s := range statements {
		if t, ok := readTime(s.value); ok && slices.Contains(untilNames, s.name) {
			out = append(out, until{t, s.by})
		}
	}
	return out
}

// The ways in which a time is written. The third is that of Kyverno's label: labels take no colons.
var layouts = []string{time.RFC3339, "2006-01-02", "2006-01-02T150405Z", "2006-01-02T15:04", "2006-01-02 15:04:05"}

func readTime(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// ttlTime reads the label as Kyverno's cleanup controller does: a duration since the object
// was made, or a time.
func ttlTime(text, created string) (time.Time, bool) {
	d, isDuration := ttlDuration(text)
	if !isDuration {
		return readTime(text)
	}
	from, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return time.Time{}, false
	}
	return from.Add(d).UTC(), true
}

var (
	amounts = regexp.MustCompile(`^(\d{1,9}\s*[A-Za-zµ]+\s*)+$`)
	amount  = regexp.MustCompile(`(\d+)\s*([A-Za-zµ]+)`)
	units   = map[string]time.Duration{
		"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "sec": time.Second,
		"m": time.Minute, "min": time.Minute, "h": time.Hour, "hr": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "wk": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
	}
)

// ttlDuration reads "72h", "30d", "2 weeks".
func ttlDuration(text string) (time.Duration, bool) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, true
	}
	if !amounts.MatchString(text) {
		return 0, false
	}
	var sum time.Duration
	for _, m := range amount.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		name := strings.ToLower(m[2])
		unit, ok := units[name]
		if !ok {
			unit, ok = units[strings.TrimSuffix(name, "s")]
		}
		if err != nil || !ok {
			return 0, false
		}
		sum += time.Duration(n) * unit
	}
	return sum, true
}

// exception judges a change of an exception: what takes more lets more through.
func (j judge) exception(c change) (effect, string) {
	rest := c.path[2:]
	switch c.path[1] {
	case "match":
		return scoped(c, rest, weaker, "it takes")
	case "conditions":
		return conditions(c, rest, weaker)
	case "matchConditions":
		return narrowing(c, rest, stronger, "a match condition")
	case "exceptions", "policyRefs":
		if len(rest) > 0 && rest[len(rest)-1] == "ruleNames" {
			return listed(c, weaker, "rules newly excepted", "rules not excepted any more")
		}
		sign := presence(c, -1)
		return sign, map[effect]string{weaker: "it excepts from one policy more", stronger: "it excepts from one policy less"}[sign]
	case "images", "allowedValues":
		if c.was == nil || c.is == nil { // without a list, it excepts from the whole policy
			sign := presence(c, 1)
			return sign, map[effect]string{weaker: "it excepts from the whole policy", stronger: "it excepts some values only"}[sign]
		}
		return listed(c, weaker, c.path[1]+" newly excepted", c.path[1]+" not excepted any more")
	case "podSecurity":
		if len(rest) == 0 {
			return presence(c, 1), "the controls that it excepts from"
		}
		return presence(c, -1), "a control"
	case "expiresAt":
		return expiry(c)
	}
	return unknown, ""
}

func expiry(c change) (effect, string) {
	wasText, _ := c.was.(string)
	isText, _ := c.is.(string)
	was, ok1 := readTime(wasText)
	is, ok2 := readTime(isText)
	switch {
	case ok1 && (c.is == nil || ok2 && is.After(was)):
		return weaker, "it lasts longer than intended"
	case ok2 && (c.was == nil || ok1 && is.Before(was)):
		return stronger, "it ends earlier than intended"
	}
	return unknown, ""
}
