package policy

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// maxFileBytes bounds one file of a set. etcd refuses objects over 1.5 MiB; a larger file
// than this is a dump or no manifest at all.
const maxFileBytes = 64 << 20

// read adds one file's documents to the set. suite is the test suite that names the file.
func (s *Set) read(f file, suite string) {
	if len(f.content) > maxFileBytes {
		s.Problems = append(s.Problems, Problem{File: f.name, Reason: fmt.Sprintf("is %d MiB large, more than the %d MiB that are read of one file", len(f.content)>>20, maxFileBytes>>20)})
		return
	}
	for _, doc := range manifest.Split(f.content) {
		if f.rendered {
			doc.Line, doc.ErrAt = f.line, f.line
		}
		s.add(f.name, suite, doc)
	}
}

// add puts one document where it belongs.
func (s *Set) add(name, suite string, doc manifest.Document) {
	at := Problem{File: name, Line: doc.Line}
	switch {
	case doc.Err != nil:
		at.Line, at.Reason = doc.ErrAt, doc.Err.Error()
		s.Problems = append(s.Problems, at)
		return
	case doc.Empty:
		return
	case doc.Object == nil:
		at.Reason = "no Kubernetes object: it is no mapping"
		s.Ignored = append(s.Ignored, at)
		return
	}
	object, what, reason := newObject(at, doc)
	if suite != "" && tests(what, object.Kind) {
		what, reason = classIgnored, OfSuite+suite
	}
	if what != classIgnored {
		for _, r := range doc.Twice {
			s.Repeats = append(s.Repeats, Problem{File: name, Line: r.Line, Policy: strings.TrimSuffix(object.Kind+"/"+object.Name, "/"), Reason: repeated(r.Key, object.Kind)})
		}
	}
	switch {
	case what == classIgnored:
		at.Reason = reason
		s.Ignored = append(s.Ignored, at)
	case reason != "":
		at.Reason, at.Policy = reason, strings.TrimSuffix(object.Kind+"/"+object.Name, "/")
		s.Problems = append(s.Problems, at)
	case what == classPolicy:
		s.Objects = append(s.Objects, object)
	default:
		s.Others = append(s.Others, object)
	}
}

// repeated says what becomes of a key that is written twice. Those of Secrets stay unnamed.
func repeated(key, kind string) string {
	what := fmt.Sprintf("key %q", key)
	if kind == "Secret" {
		what = "a key"
	}
	return what + " is written twice in one mapping: the last one counts (kubectl apply refuses the document)"
}

// newObject reads a document as an object of a set. The reason says why it is none.
func newObject(at Problem, doc manifest.Document) (Object, class, string) {
	apiVersion, _ := doc.Object["apiVersion"].(string)
	kind, _ := doc.Object["kind"].(string)
	what, reason := classify(apiVersion, kind)
	if what == classIgnored {
		return Object{}, what, reason
	}
	meta, _ := doc.Object["metadata"].(map[string]any)
	object := Object{File: at.File, Line: at.Line, APIVersion: apiVersion, Kind: kind, YAML: asWritten(doc.Text)}
	object.Name, _ = meta["name"].(string)
	if reason == "" && what == classPolicy {
		draw(meta)
		object.Name, _ = meta["name"].(string)
		reason = unnamed(meta)
	}
	if what == classPolicy && meta != nil {
		place(kind, meta)
	}
	object.Namespace, _ = meta["namespace"].(string)
	content, err := json.Marshal(doc.Object) // sorts the keys
	if err != nil {
		return object, what, "cannot be written as JSON: " + err.Error()
	}
	object.JSON, object.Digest = content, digest(content)
	return object, what, reason
}

// draw gives a policy whose name the API server draws one that it may get.
func draw(meta map[string]any) {
	prefix, _ := meta["generateName"].(string)
	if name := meta["name"]; prefix != "" && (name == nil || name == "") {
		meta["name"] = prefix[:min(len(prefix), 58)] + "xxxxx"
	}
}

// unnamed says what is wrong with a policy's name; "" when nothing is.
func unnamed(meta map[string]any) string {
	switch name := meta["name"].(type) {
	case nil:
		return "has no metadata.name"
	case string:
		if name == "" {
			return "has an empty metadata.name"
		}
		return ""
	}
	return "metadata.name is no string: put it into quotes"
}

// place gives a policy the namespace that an API server would: "default" where a
// namespaced one names none, none for a cluster-scoped one.
func place(kind string, meta map[string]any) {
	if !namespaced(kind) {
		delete(meta, "namespace")
		return
	}
	if namespace, _ := meta["namespace"].(string); namespace == "" {
		meta["namespace"] = "default"
	}
}

// namespaced tells whether objects of a policy kind live in a namespace.
func namespaced(kind string) bool {
	return kind == "Policy" || kind == "PolicyException" || kind == "CleanupPolicy" || strings.HasPrefix(kind, "Namespaced")
}

// asWritten drops the line that separates a document from the one before it.
func asWritten(text string) string {
	text = strings.TrimLeft(text, "\r\n")
	return strings.TrimPrefix(strings.TrimPrefix(text, "---\r\n"), "---\n")
}
