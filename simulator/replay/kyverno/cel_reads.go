package kyverno

import (
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// wholeRequest tells whether a CEL expression takes the request as a whole, or a field of it by a
// name that is made: it may read whatever the request has. What does not parse may.
func wholeRequest(text string) bool {
	if !celWhole.MatchString(text) {
		return false
	}
	named, all := 0, 0
	read := eachNode(text, func(e celast.Expr) {
		switch {
		case isIdent(e, "request"):
			all++
		case selectsOf(e, "request"):
			named++
		}
	})
	return !read || all > named
}

// selectsOf tells of x.field, x.?field and x["field"] for a name x.
func selectsOf(e celast.Expr, name string) bool {
	switch e.Kind() {
	case celast.SelectKind:
		return isIdent(e.AsSelect().Operand(), name)
	case celast.CallKind:
		call := e.AsCall()
		by := call.FunctionName() == operators.OptSelect || call.FunctionName() == operators.Index || call.FunctionName() == operators.OptIndex
		return by && isIdent(call.Args()[0], name) && call.Args()[1].Kind() == celast.LiteralKind
	}
	return false
}

// needs says what a policy rests on by its expressions.
func (r *rewritten) needs() celNeeds {
	n := celNeedsOf(r.text)
	if r.whole {
		n.addWhole()
	}
	return n
}
