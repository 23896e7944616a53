package kyverno

import (
	"encoding/json"
	"regexp"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// secretive says which values of Secrets, that no capture holds, decide. Of Secrets that are
// looked up, those that a rule gets as a whole decide as well.
type secretive struct {
	values      bool // reads data or stringData, or the object with them
	annotations bool // reads annotations that may hold them
	wholly      bool // reads all of what it looks up
}

var secretsMiss = miss{reason: "the values of Secrets are not in the capture", resolve: fleetResolve}

var (
	secretFields   = regexp.MustCompile(`\b(data|stringData)\b`)
	wholeObject    = regexp.MustCompile(`\brequest\s*\.\s*\??(?:object|oldObject)\b(?:\s*(?:[^\s.\w\[?]|$)|\s*\.\*)|[({,]\s*request\s*[)},|]|\brequest\s*\.\s*[\[{*]`)
	wholeNotes     = regexp.MustCompile(`last-applied-configuration|\b(?:o|oldO)bject\s*\.\s*\??metadata(?:\s*\.\s*\??annotations)?\b(?:\s*(?:[^\s.\w\[?]|$)|\s*\.\*)|"annotations":\{[^}]*[*?][^"}]*":`)
	namesAlone     = regexp.MustCompile(`\b(?:keys|length|type|size)\(\s*[\w.]+\s*\)|[\w.]+\s*\|\s*(?:keys|length|type)\(@\)`)
	besideNull     = regexp.MustCompile("[\\w.?]+\\s*[!=]=\\s*(?:null\\b|`null`)|\\bnull\\s*[!=]=\\s*[\\w.?]+")
	celLiteral     = regexp.MustCompile(`'[^'\n]*'|"[^"\n]*"`)
	celPresence    = regexp.MustCompile(`\bhas\([^()]*\)|\bin\s+[\w.?]+`)
	celDyn         = regexp.MustCompile(`\bdyn\(\s*([\w.]+)\s*\)`)
	celWholeObject = regexp.MustCompile(`(?:^|[^.\w?])(?:object|oldObject)(?:\s*(?:[^\s.\w\[?]|$)|\s*\[\s*\??[^'"\s?]|\s*\.\s*(?:all|exists|exists_one|existsOne|map|filter|transform\w+)\s*\()`)
	celEachNote    = regexp.MustCompile(`\bannotations\s*\[\s*\??[^'"\s?]|\bannotations\s*\.\s*(?:transform\w+\(|(?:all|exists|existsOne)\(\s*\w+\s*,\s*\w+\s*,)`)
	celEncodes     = regexp.MustCompile(`\bmarshal\s*\(`)
	lookedUpWhole  = regexp.MustCompile(`^\s*(?:@|items)?\s*(?:\[[^\]]*\])?\s*$`)
	encodes        = regexp.MustCompile(`\b(?:to_string|values|items)\(|\.\*`)
)

// secretsOfRule reads the text of a rule, and its CEL expressions apart.
func secretsOfRule(rule kyvernov1.Rule, text string) (s secretive) {
	if rule.HasValidateCEL() {
		s = secretsOfCEL(expressionsOf(rule))
		quiet := *rule.Validation
		quiet.CEL, rule.Validation, rule.CELPreconditions = nil, &quiet, nil
		without, _ := json.Marshal(rule) // a rule that was decoded from JSON encodes
		text = string(without)
	}
	rest := besideNull.ReplaceAllString(namesAlone.ReplaceAllString(text, ""), "")
	s = s.or(secretive{
		values:      secretFields.MatchString(text) || wholeObject.MatchString(rest),
		annotations: wholeNotes.MatchString(rest),
	})
	for _, entry := range rule.Context {
		s.wholly = s.wholly || getsWhole(entry, rest)
	}
	return s
}

// getsWhole tells whether a rule takes all of what an entry looks up for a value.
func getsWhole(entry kyvernov1.ContextEntry, text string) bool {
	path := ""
	switch {
	case entry.APICall != nil:
		path = entry.APICall.JMESPath
	case entry.GlobalReference != nil:
		path = entry.GlobalReference.JMESPath
	default:
		return false
	}
	used := regexp.MustCompile(`[({,|]\s*` + regexp.QuoteMeta(entry.Name) + `\s*[)},|]`)
	return encodes.MatchString(path) || lookedUpWhole.MatchString(path) && used.MatchString(text) || encodes.MatchString(text) && lookedUpWhole.MatchString(path)
}

// expressionsOf are the CEL expressions of a rule.
func expressionsOf(rule kyvernov1.Rule) string {
	var all []string
	for _, v := range rule.Validation.CEL.Variables {
		all = append(all, v.Expression)
	}
	for _, e := range rule.Validation.CEL.Expressions {
		all = append(all, e.Expression, e.MessageExpression)
	}
	for _, c := range rule.CELPreconditions {
		all = append(all, c.Expression)
	}
	return strings.Join(all, "\n")
}

// secretsOfCEL reads the text of expressions.
func secretsOfCEL(text string) secretive {
	rest := celDyn.ReplaceAllString(celLiteral.ReplaceAllString(text, `''`), "$1")
	rest = celPresence.ReplaceAllString(besideNull.ReplaceAllString(namesAlone.ReplaceAllString(rest, ""), ""), "")
	return secretive{
		values:      secretFields.MatchString(text) || wholeObject.MatchString(rest) || celWholeObject.MatchString(rest),
		annotations: strings.Contains(text, "last-applied-configuration") || wholeNotes.MatchString(rest) || celEachNote.MatchString(rest),
		wholly:      celEncodes.MatchString(rest),
	}
}

func (s secretive) or(t secretive) secretive {
	return secretive{s.values || t.values, s.annotations || t.annotations, s.wholly || t.wholly}
}

// hidden tells whether values that decide were left out of the request's own objects.
func (s secretive) hidden(req *request) bool {
	return req.rec.Redacted && (s.values || s.annotations && req.hidesNotes())
}

// hidesNotes tells whether an annotation of the objects was replaced.
func (r *request) hidesNotes() bool {
	const replaced = `:"` + capture.Hidden + `"`
	return strings.Contains(string(r.adm.Object.Raw), replaced) || strings.Contains(string(r.adm.OldObject.Raw), replaced)
}

// discreet is a unit that can tell that values of Secrets that it looks up decide nothing.
type discreet interface{ ignoresSecrets(rule string) bool }

func (c *classic) ignoresSecrets(rule string) bool {
	s := c.needs.any.secrets
	if r, ok := c.needs.rules[rule]; ok {
		s = r.secrets
	}
	return !s.values && !s.annotations && !s.wholly
}

func (p *celPolicy) ignoresSecrets(string) bool {
	s := p.needs.secrets
	return !s.values && !s.annotations && !s.wholly
}

func (p *admissionPolicy) ignoresSecrets(string) bool { return !p.needs.secrets.values }

// What a policy generates of Secrets it makes whatever their values are.
func (u *generating) ignoresSecrets(string) bool { return true }

func (u scanned) ignoresSecrets(rule string) bool {
	d, ok := u.unit.(discreet)
	return ok && d.ignoresSecrets(rule)
}

// lookedUp notes that values are missing in objects that a policy looks up.
func (c client) lookedUp(resource schema.GroupVersionResource, objects ...map[string]any) {
	if resource.Group != "" || resource.Resource != "secrets" || c.clones || c.req.env.mocks != nil {
		return
	}
	if d, ok := c.req.unit.(discreet); ok && d.ignoresSecrets(c.req.misses.rule) {
		return
	}
	for _, object := range objects {
		if values, ok := object["data"].(map[string]any); ok && len(values) > 0 {
			c.req.misses.add(secretsMiss.reason, secretsMiss.resolve)
		}
	}
}
