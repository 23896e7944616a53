package diff

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// leaves are the values that operations of JSON patches write and remove, each with its path, sorted:
// whether a map is added with a key, or the key to the map that is there, comes to the same.
// anywhere leaves out the places in lists.
func leaves(operations []json.RawMessage, anywhere bool) []string {
	var out []string
	for _, operation := range operations {
		var op struct {
			Op, Path, From string
			Value          any
		}
		_ = json.Unmarshal(operation, &op) // a JSON patch
		if anywhere {
			op.Path, op.From = place.ReplaceAllString(op.Path, "/*"), place.ReplaceAllString(op.From, "/*")
		}
		switch op.Op {
		case "add", "replace":
			out = flatten(out, op.Path, op.Value, anywhere)
		default:
			out = append(out, op.Op+" "+op.Path+" "+op.From)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// place is a place in a list, or what looks like one.
var place = regexp.MustCompile(`/(\d+|-)(?:$|\b)`)

var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// flatten appends the leaves of a value; empty maps and lists are leaves.
func flatten(out []string, path string, value any, anywhere bool) []string {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			out = flatten(out, path+"/"+pointer.Replace(key), inner, anywhere)
		}
		if len(v) > 0 {
			return out
		}
	case []any:
		for i, inner := range v {
			at := fmt.Sprintf("/%d", i)
			if anywhere {
				at = "/*"
			}
			out = flatten(out, path+at, inner, anywhere)
		}
		if len(v) > 0 {
			return out
		}
	}
	text, _ := json.Marshal(value) // it was decoded before
	return append(out, "= "+path+" "+string(text))
}
