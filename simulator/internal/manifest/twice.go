package manifest

import (
	"sort"

	yamlv3 "go.yaml.in/yaml/v3"
)

// A Repeat is a key that a mapping has twice: the last value counts.
type Repeat struct {
	Key  string
	Line int // of the later one
}

// repeats finds the keys that a document has twice, in the order of their lines.
func repeats(text string, base int) (out []Repeat) {
	defer func() {
		if recover() != nil {
			out = nil // the document itself has been read
		}
	}()
	var root yamlv3.Node
	if yamlv3.Unmarshal([]byte(text), &root) != nil {
		return nil
	}
	out = repeatsIn(&root, base, nil)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Line < out[j].Line })
	return out
}

// repeatsIn walks a tree. What aliases stand for is walked where it is written.
func repeatsIn(n *yamlv3.Node, base int, out []Repeat) []Repeat {
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yamlv3.MappingNode && i%2 == 0 && child.Kind == yamlv3.ScalarNode && child.Tag != "!!merge" {
			if seen[child.Value] {
				out = append(out, Repeat{child.Value, base + child.Line - 1})
			}
			seen[child.Value] = true
		}
		out = repeatsIn(child, base, out)
	}
	return out
}

// handOut gives repeats to the documents in which they are: the items of a List have lines.
func handOut(docs []Document, all []Repeat) []Document {
	for _, r := range all {
		at := 0
		for i := range docs {
			if docs[i].Line <= r.Line {
				at = i
			}
		}
		if len(docs) > 0 {
			docs[at].Twice = append(docs[at].Twice, r)
		}
	}
	return docs
}
