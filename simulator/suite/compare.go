package suite

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

func headOf(content json.RawMessage) head {
	var object struct {
		APIVersion string
		Kind       string
		Metadata   struct{ Name, Namespace string }
	}
	_ = json.Unmarshal(content, &object) // the engine made it
	return head{object.APIVersion, object.Kind, object.Metadata.Namespace, object.Metadata.Name}
}

// compareGenerated compares with the file or files that an entry names.
func (t *trial) compareGenerated(e *Expected, object json.RawMessage) string {
	files := e.GeneratedResources
	if len(files) == 0 && e.GeneratedResource != "" {
		files = []string{e.GeneratedResource}
	}
	fault := ""
	for _, file := range files {
		if fault, _ = t.compare(file, object); fault == "" {
			return ""
		}
	}
	return fault
}

// compare compares an object with the one of the same kind and name in a file. missing says
// that the file holds none.
func (t *trial) compare(file string, object json.RawMessage) (fault string, missing bool) {
	docs, err := t.documents(file)
	if err != nil {
		return err.Error(), false
	}
	want := headOf(object)
	discovery := capture.NewResources()
	for _, doc := range docs {
		r, err := newResource(discovery, doc.Object)
		if err != nil {
			return fmt.Sprintf("%s:%d: %v", file, doc.Line, err), false
		}
		if r.head != want {
			continue
		}
		differences := differ(nil, "", tidy(parse(r.content)), tidy(parse(object)))
		if len(differences) == 0 {
			return "", false
		}
		return fmt.Sprintf("%s:%d: %s", file, doc.Line, strings.Join(differences, "; ")), false
	}
	return fmt.Sprintf("%s does not hold %s %s", file, want.kind, want.name), true
}

// parse decodes an object, without the labels that Kyverno puts on what it generates.
func parse(content json.RawMessage) any {
	var object map[string]any
	if json.Unmarshal(content, &object) != nil {
		return nil
	}
	meta, _ := object["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	for key := range labels {
		if strings.HasPrefix(key, "generate.kyverno.io/") || key == "app.kubernetes.io/managed-by" && labels[key] == "kyverno" {
			delete(labels, key)
		}
	}
	return object
}

// tidy drops what is empty.
func tidy(node any) any {
	switch node := node.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range node {
			if value = tidy(value); value != nil {
				out[key] = value
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		var out []any
		for _, value := range node {
			if value = tidy(value); value != nil {
				out = append(out, value)
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	}
	return node
}

const maxDifferences = 5

// differ lists where two values differ, the first few.
func differ(found []string, path string, want, got any) []string {
	if len(found) >= maxDifferences || reflect.DeepEqual(want, got) {
		return found
	}
	wantMap, ok1 := want.(map[string]any)
	gotMap, ok2 := got.(map[string]any)
	if ok1 && ok2 {
		keys := maps.Clone(wantMap)
		maps.Copy(keys, gotMap)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			found = differ(found, path+"."+key, wantMap[key], gotMap[key])
		}
		return found
	}
	wantList, ok1 := want.([]any)
	gotList, ok2 := got.([]any)
	if ok1 && ok2 && len(wantList) == len(gotList) {
		for i := range wantList {
			found = differ(found, fmt.Sprintf("%s[%d]", path, i), wantList[i], gotList[i])
		}
		return found
	}
	return append(found, fmt.Sprintf("%s: want %s, got %s", strings.TrimPrefix(path, "."), short(want), short(got)))
}

func short(value any) string {
	if value == nil {
		return "nothing"
	}
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	if len(content) > 80 {
		return strings.ToValidUTF8(string(content[:80]), "") + "…"
	}
	return string(content)
}
