package kyverno

import (
	"encoding/json"
	"regexp"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/capture"
)

// secretive says which values of Secrets, that no capture holds, decide. Of Secrets that are
// looked up, those that a rule gets as a whole decide as well.
type secretive struct {
	values      bool // reads data or stringData, or the object with them
	annotations bool // reads annotations that may hold them
	wholly      bool // reads all of what it looks up
	shape       bool // asks what is in one: which keys and fields it has
	kind        bool // … or of which type it is
}

var withheldMiss = miss{reason: "of a Secret that is looked up, the capture of a live cluster holds no more than its metadata and type", resolve: fleetResolve}

var secretsMiss = miss{reason: "the values of Secrets are not in the capture", resolve: fleetResolve}

var (
	secretShape    = regexp.MustCompile(`\b(data|stringData|immutable)\b`)
	secretType     = regexp.MustCompile(`\btype\b`)
	countsFields   = regexp.MustCompile(`\b(?:keys|size)\(\s*\w+\s*\)|\bkeys\(@\)`)
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
		s.shape = s.shape || getsWhole(entry, text)
	}
	s.shape, s.kind = s.shape || s.wholly || secretShape.MatchString(text) || countsFields.MatchString(text), s.kind || secretType.MatchString(text)
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
		shape:       secretShape.MatchString(text) || celEncodes.MatchString(rest) || countsFields.MatchString(text),
		kind:        secretType.MatchString(text),
	}
}

func (s secretive) or(t secretive) secretive {
	return secretive{s.values || t.values, s.annotations || t.annotations, s.wholly || t.wholly, s.shape || t.shape, s.kind || t.kind}
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

// discreet is a unit that can tell what of Secrets that it looks up decides.
type discreet interface{ ofSecrets(rule string) secretive }

func (c *classic) ofSecrets(rule string) secretive {
	if r, ok := c.needs.rules[rule]; ok {
		return r.secrets
	}
	return c.needs.any.secrets
}

func (p *celPolicy) ofSecrets(string) secretive { return p.needs.secrets }

func (p *admissionPolicy) ofSecrets(string) secretive {
	s := p.needs.secrets
	return secretive{values: s.values, shape: s.shape, kind: s.kind}
}

// What a policy generates of Secrets it makes whatever their values are.
func (u *generating) ofSecrets(string) secretive { return secretive{} }

func (u scanned) ofSecrets(rule string) secretive { return secretsRead(u.unit, rule) }

// secretsRead is what a unit reads of Secrets; all of those that cannot tell.
func secretsRead(u any, rule string) secretive {
	if d, ok := u.(discreet); ok {
		return d.ofSecrets(rule)
	}
	return secretive{values: true, shape: true, kind: true}
}

// lookedUp notes that values are missing in objects that a policy looks up.
func (c client) lookedUp(resource schema.GroupVersionResource, objects ...map[string]any) {
	if resource.Group != "" || resource.Resource != "secrets" || c.clones || c.req.env.mocks != nil {
		return
	}
	reads := secretsRead(c.req.unit, c.req.misses.rule)
	decide := reads.values || reads.annotations || reads.wholly
	for _, object := range objects {
		values, _ := object["data"].(map[string]any)
		switch withheld, typed := capture.Withheld(object); {
		case withheld && (decide || reads.shape || reads.kind && !typed):
			c.req.misses.add(withheldMiss.reason, withheldMiss.resolve)
		case !withheld && decide && len(values) > 0:
			c.req.misses.add(secretsMiss.reason, secretsMiss.resolve)
		}
	}
}

// unlike notes that a Secret whose values were not read may be another than what is generated in
// its place.
func (r *request) unlike(there map[string]any) {
	u := unstructured.Unstructured{Object: there}
	r.misses.add("whether "+targetName(u)+" has what would be generated is not in the capture, which holds no values of Secrets", fleetResolve)
}
