package kyverno

import (
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
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
	n.parted = !r.entire
	n.namesUser = n.user && !celUser.MatchString(r.decides)
	if r.whole {
		n.addWhole()
		n.namesUser = false
	}
	return n
}

// partsAlone tells whether an expression takes of the request's objects nothing but fields by their
// names, or whether they are there. What does not parse may take them as a whole.
func partsAlone(text string) bool {
	parts, all := 0, 0
	read := eachNode(text, func(e celast.Expr) {
		for _, name := range []string{"object", "oldObject"} {
			switch {
			case isIdent(e, name):
				all++
			case selectsOf(e, name), comparesToNull(e, name):
				parts++
			}
		}
	})
	return read && all == parts
}

// comparesToNull tells of x == null and x != null for a name x.
func comparesToNull(e celast.Expr, name string) bool {
	if e.Kind() != celast.CallKind {
		return false
	}
	call := e.AsCall()
	if call.FunctionName() != operators.Equals && call.FunctionName() != operators.NotEquals {
		return false
	}
	null := func(e celast.Expr) bool { return e.Kind() == celast.LiteralKind && e.AsLiteral() == types.NullValue }
	a, b := call.Args()[0], call.Args()[1]
	return isIdent(a, name) && null(b) || null(a) && isIdent(b, name)
}
