package kyverno

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/kyverno/kyverno/pkg/engine/variables/regex"
)

// ruleReads is what the expressions of a rule, or of the conditions of an exception, read.
type ruleReads struct {
	jmesReads
	celUser bool
	cel     strings.Builder // the expressions in CEL
}

// readsIn reads the JSON of a rule.
func readsIn(text []byte) *ruleReads {
	var rule any
	_ = json.Unmarshal(text, &rule) // it was encoded before
	r := &ruleReads{}
	r.below("", rule)
	return r
}

func (r *ruleReads) below(key string, node any) {
	switch node := node.(type) {
	case map[string]any:
		if query, ok := node["jmesPath"].(string); ok && key == "variable" && node["value"] == nil {
			r.expression(r.variables(query)) // elsewhere it is applied to what was looked up
		}
		for name, child := range node {
			r.variables(name)
			r.below(name, child)
		}
	case []any:
		for _, child := range node {
			r.below(key, child)
		}
	case string:
		rest := r.variables(node)
		switch {
		case expressionFields[key]:
			r.celUser = r.celUser || celUser.MatchString(node) || wholeRequest(node)
			r.cel.WriteString(node + "\n")
		case key == "list": // of a foreach: JMESPath without braces
			before := len(r.paths)
			r.expression(rest)
			r.lists, r.paths = append(r.lists, r.paths[before:]...), r.paths[:before]
		}
	}
}

// variables reads the variables of a text, the inner ones first, and returns it with a name in
// the place of each.
func (r *ruleReads) variables(text string) string {
	for {
		found := regex.RegexVariables.FindStringSubmatchIndex(text)
		if found == nil {
			return text
		}
		query := strings.TrimSpace(strings.Trim(text[found[4]:found[5]], "{}"))
		query = strings.TrimSpace(strings.TrimPrefix(query, "-"))
		if query != "" && query != "@" { // @ alone is the place in the object that the pattern is at
			r.expression(query)
		}
		text = text[:found[4]] + "x" + text[found[5]:]
	}
}

// hiddenUser finds the sender in what does not parse, the whole request included.
var hiddenUser = regexp.MustCompile(`\b(userInfo|roles|clusterRoles|serviceAccountName|serviceAccountNamespace)\b|\brequest\b"?\s*([^\w\s."]|$)`)

// user tells whether the sender of the request, or the roles, are read.
func (r *ruleReads) user(text []byte) bool {
	return r.celUser || r.reads("request.userInfo") || r.reads("serviceAccountName") || r.reads("serviceAccountNamespace") ||
		r.roles() || r.opaque && hiddenUser.Match(text)
}

// roles tells whether the roles of the sender are read.
func (r *ruleReads) roles() bool { return r.reads("request.roles") || r.reads("request.clusterRoles") }
