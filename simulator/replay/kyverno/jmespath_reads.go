package kyverno

import (
	"slices"
	"strings"

	gojmespath "github.com/kyverno/go-jmespath"
)

// jmesReads are the parts of a rule's context that JMESPath expressions read: by their syntax
// trees, so that no spelling hides one.
type jmesReads struct {
	paths  [][]string
	lists  [][]string // that a foreach goes through
	opaque bool       // an expression does not parse
	asText bool       // the metadata of the object are turned into text, with all that an API server draws
}

// anyField stands in a path for every field, or item.
const anyField = "*"

// value is what an expression yields: what the context has at a path, or what was made of it,
// whose parts are noted already.
type value struct {
	path []string
	made bool
}

func (v value) field(name string) value {
	if v.made {
		return v
	}
	return value{path: append(v.path[:len(v.path):len(v.path)], name)}
}

// expression notes what one expression reads.
func (r *jmesReads) expression(text string) {
	tree, err := gojmespath.NewParser().Parse(text)
	if err != nil {
		r.opaque = true
		return
	}
	r.use(r.eval(tree, value{}))
}

func (r *jmesReads) use(v value) {
	if !v.made {
		r.paths = append(r.paths, v.path)
	}
}

// eval follows a tree from the value that it is applied to.
func (r *jmesReads) eval(node gojmespath.ASTNode, at value) value {
	kids := node.Children
	switch node.NodeType {
	case gojmespath.ASTField:
		name, _ := node.Value.(string)
		return at.field(name)
	case gojmespath.ASTIdentity, gojmespath.ASTCurrentNode:
		return at
	case gojmespath.ASTIndex:
		return at.field(anyField)
	case gojmespath.ASTSlice:
		return at
	case gojmespath.ASTSubexpression, gojmespath.ASTIndexExpression, gojmespath.ASTPipe:
		return r.eval(kids[1], r.eval(kids[0], at))
	case gojmespath.ASTFlatten:
		return r.eval(kids[0], at)
	case gojmespath.ASTProjection, gojmespath.ASTValueProjection, gojmespath.ASTFilterProjection:
		item := r.eval(kids[0], at).field(anyField)
		if len(kids) > 2 {
			r.use(r.eval(kids[2], item))
		}
		r.use(r.eval(kids[1], item))
		return value{made: true}
	}
	for _, kid := range kids { // functions, comparisons, what is put together
		if kid.NodeType == gojmespath.ASTExpRef {
			continue // its items are arguments, too
		}
		v := r.eval(kid, at)
		r.use(v)
		r.asText = r.asText || node.Value == "to_string" && !v.made && len(v.path) <= 3 && overlap(v.path, drawnPath)
	}
	return value{made: true}
}

var drawnPath = []string{"request", "object", "metadata"}

// reads tells whether a path, a part of it or a whole that it is part of is read.
func (r *jmesReads) reads(path string) bool { return r.reach(strings.Split(path, ".")) }

func (r *jmesReads) reach(want []string) bool {
	over := func(p []string) bool { return overlap(p, want) }
	return slices.ContainsFunc(r.paths, over) || slices.ContainsFunc(r.lists, over)
}

func overlap(p, want []string) bool {
	for i := range min(len(p), len(want)) {
		if p[i] != want[i] && p[i] != anyField {
			return false
		}
	}
	return true
}
