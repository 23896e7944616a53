package kyverno

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	celcommon "github.com/google/cel-go/common"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/parser"
	"github.com/kyverno/kyverno/pkg/cel/compiler"
	"github.com/kyverno/kyverno/pkg/cel/policies/gpol/template"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// rewriter changes the expressions of a policy where evaluating them as written would
// leave the capture: HTTP calls become questions to the library, which records that it
// cannot answer, and the current time becomes the clock of the replay. Kyverno's libraries
// give no other way to replace either.
type rewriter struct{ at time.Time }

// rewritten is a policy whose expressions were rewritten.
type rewritten struct {
	content  []byte // the bytes as given when no expression needed it
	text     string // all expressions as written
	decides  string // those of them that are no message
	lookups  bool   // a library that asks the cluster, a registry or a URL is named
	whole    bool   // the request is read as a whole
	entire   bool   // an object of the request is
	callsOut bool   // an HTTP call is left, behind a name of its own
}

// policy rewrites the expressions of a policy or an exception.
func (r rewriter) policy(content []byte) (rewritten, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(content, &object); err != nil {
		return rewritten{}, fmt.Errorf("decode the policy: %w", err)
	}
	out := rewritten{content: content}
	var all, decides strings.Builder
	dirty := false
	err := eachExpression(object["spec"], func(field, written string) (string, error) {
		all.WriteString(written + "\n")
		if field != messageField {
			decides.WriteString(written + "\n")
		}
		out.lookups = out.lookups || namesLibrary(written)
		out.whole = out.whole || wholeRequest(written)
		out.entire = out.entire || !partsAlone(written)
		now, err := r.expression(written)
		dirty = dirty || now != written
		out.callsOut = out.callsOut || concerns(now) && compiler.ExpressionsUseHTTP(now)
		return now, err
	})
	out.text, out.decides = all.String(), decides.String()
	if err == nil && dirty {
		out.content, err = json.Marshal(object)
	}
	return out, err
}

// expressionFields are the fields of policies and exceptions that hold CEL.
var expressionFields = map[string]bool{"expression": true, messageField: true, "valueExpression": true}

const messageField = "messageExpression"

// eachExpression puts what do returns in the place of every expression below node, of the field that
// holds it.
func eachExpression(node any, do func(field, text string) (string, error)) error {
	if list, ok := node.([]any); ok {
		for _, item := range list {
			if err := eachExpression(item, do); err != nil {
				return err
			}
		}
	}
	fields, _ := node.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		text, isText := fields[key].(string)
		var err error
		switch {
		case isText && expressionFields[key]:
			fields[key], err = do(key, text)
		case isText && key == "value": // of a template: CEL between ${ and }
			fields[key], err = eachPlaceholder(text, func(written string) (string, error) { return do(key, written) })
		default:
			err = eachExpression(fields[key], do)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func eachPlaceholder(text string, do func(string) (string, error)) (string, error) {
	for _, written := range template.ExtractExpressions(text) {
		now, err := do(written)
		if err != nil {
			return "", err
		}
		text = strings.ReplaceAll(text, written, now)
	}
	return text, nil
}

func concerns(text string) bool {
	return strings.Contains(text, "http") || strings.Contains(text, "now")
}

// celParser reads expressions without expanding macros, so that what is written back is
// what was written.
var celParser = sync.OnceValues(func() (*parser.Parser, error) {
	return parser.NewParser(parser.EnableOptionalSyntax(true), parser.EnableIdentEscapeSyntax(true))
})

// libraries matches the names of the libraries that ask for something. Most hits are
// fields, as in c.image; the parser tells.
var libraries = regexp.MustCompile(`\b(resource|globalContext|http|image)\b`)

// namesLibrary tells whether an expression names a library that asks for something. It
// errs on the side of yes: a variable may have the name of one.
func namesLibrary(text string) bool {
	if !libraries.MatchString(text) {
		return false
	}
	found := false
	read := eachNode(text, func(e celast.Expr) {
		found = found || e.Kind() == celast.IdentKind && libraries.MatchString(e.AsIdent())
	})
	return !read || found
}

// eachNode visits the syntax tree of an expression; false where it does not parse.
func eachNode(text string, visit func(celast.Expr)) bool {
	p, err := celParser()
	if err != nil {
		return false
	}
	parsed, faults := p.Parse(celcommon.NewTextSource(text))
	if len(faults.GetErrors()) > 0 {
		return false
	}
	celast.PostOrderVisit(parsed.Expr(), celast.NewExprVisitor(visit))
	return true
}

// expression rewrites one expression. One that does not parse comes back as it is: the
// compiler says what is wrong with it.
func (r rewriter) expression(text string) (string, error) {
	if !concerns(text) {
		return text, nil
	}
	p, err := celParser()
	if err != nil {
		return "", fmt.Errorf("make a CEL parser: %w", err)
	}
	parsed, faults := p.Parse(celcommon.NewTextSource(text))
	if len(faults.GetErrors()) > 0 {
		return text, nil
	}
	changed := false
	celast.PostOrderVisit(parsed.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		if replacement := r.replacement(e); replacement != nil {
			e.SetKindCase(replacement)
			changed = true
		}
	}))
	if !changed {
		return text, nil
	}
	return parser.Unparse(parsed.Expr(), parsed.SourceInfo())
}

// replacement returns what takes the place of e, nil for most.
func (r rewriter) replacement(e celast.Expr) celast.Expr {
	if e.Kind() != celast.CallKind || !e.AsCall().IsMemberFunction() {
		return nil
	}
	make, call := celast.NewExprFactory(), e.AsCall()
	switch name := strings.ToLower(call.FunctionName()); {
	case name == "now" && isIdent(call.Target(), "time"):
		return make.NewCall(e.ID(), "timestamp", make.NewLiteral(e.ID(), types.String(r.at.UTC().Format(time.RFC3339Nano))))
	case (name == "get" || name == "post") && isHTTP(call.Target()) && len(call.Args()) > 0:
		what := make.NewCall(e.ID(), "_+_", make.NewLiteral(e.ID(), types.String("HTTP "+strings.ToUpper(name)+" ")), call.Args()[0])
		how := make.NewLiteral(e.ID(), types.String(httpProjection))
		if name == "post" && len(call.Args()) > 1 { // what is sent, as JSON
			sent := make.NewMemberCall(e.ID(), "marshal", make.NewIdent(e.ID(), "json"), call.Args()[1])
			how = make.NewCall(e.ID(), "_+_", how, sent)
		}
		return make.NewMemberCall(e.ID(), "Get", make.NewIdent(e.ID(), "globalContext"), what, how)
	}
	return nil
}

func isIdent(e celast.Expr, name string) bool {
	return e.Kind() == celast.IdentKind && e.AsIdent() == name
}

// isHTTP tells whether e is the HTTP library, or a client made of it.
func isHTTP(e celast.Expr) bool {
	if e.Kind() == celast.CallKind && e.AsCall().IsMemberFunction() && strings.EqualFold(e.AsCall().FunctionName(), "client") {
		return isHTTP(e.AsCall().Target())
	}
	return isIdent(e, "http")
}
