package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/objects"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// differentObject compares what policies change. Live that is what the answers with and
// without the policies differ in; the rest is the API server's. stored is what the API server
// makes of an object when it stores it.
func differentObject(sent, patch, without, with json.RawMessage, stored func(json.RawMessage) json.RawMessage) *difference {
	if len(sent) == 0 {
		return nil
	}
	offline, err := changesOf(sent, patch, stored)
	if err != nil {
		return &difference{"the patch does not apply: " + err.Error(), ""}
	}
	live := leaves(decoded(without), decoded(with))
	var wrong []string
	for _, path := range slices.Sorted(maps.Keys(offline)) {
		if !reflect.DeepEqual(offline[path], live[path]) && !covers(live, path, offline[path], decoded(with)) && !volatile(path, offline[path]) {
			wrong = append(wrong, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(live)) {
		if _, ok := offline[path]; !ok && !below(offline, path, decoded(without)) && !volatile(path, live[path]) {
			wrong = append(wrong, path)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &difference{show(offline, wrong), show(live, wrong)}
}

func changesOf(sent, patch json.RawMessage, stored func(json.RawMessage) json.RawMessage) (map[string]any, error) {
	if len(patch) == 0 {
		return nil, nil
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	after, err := operations.Apply(sent)
	if err != nil {
		return nil, err
	}
	return leaves(decoded(stored(sent)), decoded(stored(after))), nil
}

func decoded(content json.RawMessage) any {
	var value any
	_ = json.Unmarshal(content, &value) // both come from JSON encoders
	return value
}

// leaves lists by path where after differs from before; a value that is gone is nil.
func leaves(before, after any) map[string]any {
	found := map[string]any{}
	walk(found, "", before, after)
	return found
}

func walk(found map[string]any, path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	b, ok1 := before.(map[string]any)
	a, ok2 := after.(map[string]any)
	if ok2 && (ok1 || before == nil && len(a) > 0) {
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for key := range keys {
			walk(found, path+"/"+pointer.Replace(key), b[key], a[key])
		}
		return
	}
	list, ok := after.([]any)
	old, was := before.([]any)
	if ok && (was || before == nil && len(list) > 0) {
		for i := range max(len(list), len(old)) {
			var x, y any
			if i < len(old) {
				x = old[i]
			}
			if i < len(list) {
				y = list[i]
			}
			walk(found, fmt.Sprintf("%s/%d", path, i), x, y)
		}
		return
	}
	found[path] = after
}

// covers tells whether the API server already had what a policy sets, by default or because
// it was so before: the object has the value, and nothing changed.
func covers(live map[string]any, path string, want, object any) bool {
	if _, changed := live[path]; changed {
		return false
	}
	at := valueAt(object, path)
	return reflect.DeepEqual(at, want) || objects.Empty(want) && objects.Empty(at)
}

// below tells whether a path lies in something that a policy added: the API server's
// defaults for it.
func below(offline map[string]any, path string, without any) bool {
	for at := strings.LastIndex(path, "/"); at > 0; at = strings.LastIndex(path[:at], "/") {
		if parent := path[:at]; valueAt(without, parent) == nil && adds(offline, parent) {
			return true
		}
	}
	return false
}

func adds(offline map[string]any, parent string) bool {
	for path := range offline {
		if strings.HasPrefix(path, parent+"/") {
			return true
		}
	}
	return false
}

// valueAt finds what stands at a path, nil for nothing.
func valueAt(at any, path string) any {
	for _, step := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		switch node := at.(type) {
		case map[string]any:
			at = node[unpoint.Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(node) {
				return nil
			}
			at = node[i]
		default:
			return nil
		}
	}
	return at
}

// volatile are fields that the API server makes up anew for every request.
func volatile(path string, value any) bool {
	for _, prefix := range []string{"/metadata/managedFields", "/metadata/creationTimestamp", "/metadata/uid", "/metadata/resourceVersion", "/metadata/generation", "/metadata/name", "/status"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	drawn := path == "/spec/clusterIP" || strings.HasPrefix(path, "/spec/clusterIPs/") || strings.HasSuffix(path, "odePort") || strings.HasSuffix(path, "controller-uid")
	text, _ := value.(string)
	return drawn || strings.HasPrefix(text, "kube-api-access-")
}

func show(values map[string]any, paths []string) string {
	var lines []string
	for _, path := range paths[:min(len(paths), 10)] {
		text, err := json.Marshal(values[path])
		if value, ok := values[path]; !ok {
			text = []byte("unchanged")
		} else if err != nil {
			text = []byte(fmt.Sprint(value))
		}
		lines = append(lines, path+": "+string(text))
	}
	return strings.Join(lines, "\n")
}
