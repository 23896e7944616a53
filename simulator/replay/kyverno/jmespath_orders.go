package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	gojmespath "github.com/kyverno/go-jmespath"
	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
)

// JMESPath takes the keys of an object in Go's random order: keys(), values() and x.*. Here
// they come in one of a few orders, ascending unless another is asked for.

// keyOrders are so many that each key of small objects is once at each place.
const keyOrders = 6

// order sorts keys: ascending, descending, and then ascending from another one on.
func order(keys []string, which int) {
	slices.Sort(keys)
	switch {
	case which == 1:
		slices.Reverse(keys)
	case which > 1 && len(keys) > 0:
		at := (which - 1) % len(keys)
		copy(keys, append(slices.Clone(keys[at:]), keys[:at]...))
	}
}

// orderedQueries is Kyverno's JMESPath with the keys of objects in one order.
type orderedQueries struct{ caller *gojmespath.FunctionCaller }

// projected is the function that stands for the values of x.*; no query can call it.
const projected = "x.*"

func newOrderedQueries(cfg config.Configuration, at time.Time, which int) orderedQueries {
	caller := gojmespath.NewFunctionCaller()
	for _, f := range jmespath.GetFunctions(cfg) {
		caller.Register(clocked(f.FunctionEntry, at))
	}
	keysOf := func(object map[string]any) []string {
		keys := make([]string, 0, len(object))
		for key := range object {
			keys = append(keys, key)
		}
		order(keys, which)
		return keys
	}
	register := func(name string, takes gojmespath.JpType, from func(object map[string]any) []any) {
		caller.Register(gojmespath.FunctionEntry{
			Name: name, Arguments: []gojmespath.ArgSpec{{Types: []gojmespath.JpType{takes}}},
			Handler: func(arguments []any) (any, error) {
				if object, ok := arguments[0].(map[string]any); ok {
					return from(object), nil
				}
				return nil, nil
			},
		})
	}
	values := func(object map[string]any) []any {
		list := make([]any, 0, len(object))
		for _, key := range keysOf(object) {
			list = append(list, object[key])
		}
		return list
	}
	register("values", gojmespath.JpObject, values)
	register("keys", gojmespath.JpObject, func(object map[string]any) []any {
		list := make([]any, 0, len(object))
		for _, key := range keysOf(object) {
			list = append(list, key)
		}
		return list
	})
	register(projected, gojmespath.JpAny, func(object map[string]any) []any {
		return append(make([]any, len(object)), values(object)...) // as many nulls come before, as in Kyverno
	})
	return orderedQueries{caller}
}

// Query compiles a query.
func (o orderedQueries) Query(text string) (jmespath.Query, error) {
	node, err := gojmespath.NewParser().Parse(text)
	if err != nil {
		return nil, err
	}
	return orderedQuery{orderly(node), o.caller}, nil
}

// Search compiles a query and runs it.
func (o orderedQueries) Search(text string, data any) (any, error) {
	query, err := o.Query(text)
	if err != nil {
		return nil, err
	}
	return query.Search(data)
}

type orderedQuery struct {
	node   gojmespath.ASTNode
	caller *gojmespath.FunctionCaller
}

// Search runs the query.
func (q orderedQuery) Search(data any) (any, error) {
	return gojmespath.NewInterpreter().Execute(q.node, data, gojmespath.WithFunctionCaller(q.caller))
}

// orderly has a filter of all that projected returns in the place of x.*, which projects it
// in the same way: what cannot be evaluated on the left is nothing, and nothing is left out.
func orderly(node gojmespath.ASTNode) gojmespath.ASTNode {
	node.Children = slices.Clone(node.Children)
	for i := range node.Children {
		node.Children[i] = orderly(node.Children[i])
	}
	if node.NodeType != gojmespath.ASTValueProjection {
		return node
	}
	all := gojmespath.ASTNode{NodeType: gojmespath.ASTFunctionExpression, Value: projected, Children: node.Children[:1]}
	any := gojmespath.ASTNode{NodeType: gojmespath.ASTLiteral, Value: true}
	return gojmespath.ASTNode{NodeType: gojmespath.ASTFilterProjection, Children: []gojmespath.ASTNode{all, node.Children[1], any}}
}

var (
	mayOrder = regexp.MustCompile(`\b(keys|values)\s*\(|\.\*|\*`)
	calls    = regexp.MustCompile(`\b(keys|values)\s*\(|[\w\])"@}]\.\*`)
	braced   = regexp.MustCompile(`\{\{(.*?)\}\}`)
)

// ordersKeys tells whether a rule, or conditions, have a query that takes the keys of an object in an order.
func ordersKeys(text []byte) bool {
	var content any
	return mayOrder.Match(text) && json.Unmarshal(text, &content) == nil && queriesKeys("", content)
}

// queriesKeys looks into all strings: for queries in braces, and for those that are nothing else.
func queriesKeys(field string, content any) bool {
	switch content := content.(type) {
	case map[string]any:
		for key, value := range content {
			if queriesKeys(key, value) || queriesKeys("", key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(content, func(one any) bool { return queriesKeys(field, one) })
	case string:
		if field == "jmesPath" || field == "list" {
			return queryOrders(content)
		}
		for _, found := range braced.FindAllStringSubmatch(content, -1) {
			if queryOrders(found[1]) {
				return true
			}
		}
	}
	return false
}

func queryOrders(query string) bool {
	node, err := gojmespath.NewParser().Parse(query)
	if err != nil {
		return calls.MatchString(query) // it has variables of its own
	}
	return nodeOrders(node)
}

func nodeOrders(node gojmespath.ASTNode) bool {
	name, _ := node.Value.(string)
	if node.NodeType == gojmespath.ASTValueProjection || node.NodeType == gojmespath.ASTFunctionExpression && (name == "keys" || name == "values") {
		return true
	}
	return slices.ContainsFunc(node.Children, nodeOrders)
}
