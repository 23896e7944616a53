package admission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	celcommon "github.com/google/cel-go/common"
	"github.com/google/cel-go/parser"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// An API server of Kubernetes 1.36 is built with an older release of CEL than Kyverno, and so than
// this program: it knows no names of fields in backticks.
var olderParser = sync.OnceValues(func() (*parser.Parser, error) {
	return parser.NewParser(parser.EnableIdentEscapeSyntax(false), parser.EnableOptionalSyntax(true), parser.Macros(parser.AllMacros...))
})

// unescaped are the faults of the expressions of an object that have such names.
func unescaped(raw json.RawMessage) (faults field.ErrorList, err error) {
	if !strings.Contains(string(raw), "`") {
		return nil, nil
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, err
	}
	p, err := olderParser()
	if err != nil {
		return nil, fmt.Errorf("make a CEL parser: %w", err)
	}
	expressionsIn(nil, root, func(at *field.Path, text string) {
		if !strings.Contains(text, "`") {
			return
		}
		source := celcommon.NewTextSource(text)
		if _, said := p.Parse(source); strings.Contains(said.ToDisplayString(), "unsupported syntax: '`'") {
			faults = append(faults, field.Invalid(at, text, "compilation failed: "+said.ToDisplayString()))
		}
	})
	slices.SortFunc(faults, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	return faults, nil
}

// expressionsIn visits the expressions of an object, each with where it is.
func expressionsIn(at *field.Path, node any, visit func(*field.Path, string)) {
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			next := field.NewPath(key)
			if at != nil {
				next = at.Child(key)
			}
			text, isText := child.(string)
			if isText && (key == "expression" || strings.HasSuffix(key, "Expression")) {
				visit(next, text)
			}
			expressionsIn(next, child, visit)
		}
	case []any:
		for i, child := range node {
			expressionsIn(at.Index(i), child, visit)
		}
	}
}
