package source

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// secretFields are the fields of a Secret, and of an answer of kind Status, that hold no values of Secrets.
var (
	secretFields = []string{"apiVersion", "kind", "type", "immutable", "$retainKeys"}
	statusFields = []string{"status", "reason", "code"}
)

// redactSecret replaces what may be a secret value in a Secret, in lists and tables of them, and in
// what is sent and answered about them, and tells whether there was any. Keys stay, and so does null,
// by which patches delete.
func redactSecret(object map[string]any) bool {
	found := redactNotes(object)
	for key, value := range object {
		switch {
		case value == nil, key == "metadata", key == "$patch" && isDirective(value), slices.Contains(secretFields, key):
		case text(object, "kind") == "Status" && slices.Contains(statusFields, key):
		case key == "data":
			found = redactMap(object, key, capture.HiddenBase64) || found
		case key == "stringData":
			found = redactMap(object, key, capture.Hidden) || found
		case key == "items", key == "rows":
			found = redactItems(object, key) || found
		default:
			object[key], found = capture.Hidden, true
		}
	}
	return found
}

// isDirective tells of what a strategic patch may ask for.
func isDirective(value any) bool { return value == "replace" || value == "delete" || value == "merge" }

// redactItems replaces the secret values of the Secrets of a list, or of the rows of a table.
func redactItems(list map[string]any, field string) (found bool) {
	items, _ := list[field].([]any)
	for i, item := range items {
		object, _ := item.(map[string]any)
		if row, _ := object["object"].(map[string]any); field == "rows" && row != nil {
			object = row
			items[i] = map[string]any{"object": row} // cells are not read
		} else if object == nil {
			items[i] = capture.Hidden
		}
		found = redactSecret(object) || found
	}
	if items == nil {
		list[field] = capture.Hidden
	}
	return found
}

// copies are annotations that hold a Secret, or a value of it, whatever their text looks like.
var copies = []string{lastApplied, "openshift.io/token-secret.value", "objectset.rio.cattle.io/applied"}

// copied is text that holds an object with data; compressed is what gzip and zip make of one, in base64.
var (
	copied     = regexp.MustCompile(`(?i)\b(?:string)?data\\*["']?\s*:`)
	compressed = regexp.MustCompile(`^(?:H4sI|UEsDB)`)
)

// redactNotes replaces the annotations of a Secret that hold it, or a value of it.
func redactNotes(object map[string]any) (found bool) {
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil && object["metadata"] != nil {
		object["metadata"] = capture.Hidden
		return true
	}
	annotations, ok := meta["annotations"].(map[string]any)
	if !ok && meta["annotations"] != nil {
		meta["annotations"] = capture.Hidden
		return true
	}
	values := valuesOf(object)
	for key, value := range annotations {
		if value == nil || key == "$patch" && isDirective(value) {
			continue
		}
		text, isText := value.(string)
		if !isText || slices.Contains(copies, key) || copied.MatchString(text) || compressed.MatchString(text) || holdsSecret(text) || holdsAny(text, values) {
			annotations[key], found = capture.Hidden, true
		}
	}
	return found
}

// valuesOf are the values of a Secret, as they are and in base64.
func valuesOf(object map[string]any) (values []string) {
	data, _ := object["data"].(map[string]any)
	plain, _ := object["stringData"].(map[string]any)
	for value := range maps.Values(data) {
		if encoded, _ := value.(string); encoded != capture.HiddenBase64 {
			decoded, _ := base64.StdEncoding.DecodeString(encoded) // it need not be base64 in what was refused
			values = append(values, encoded, string(decoded))
		}
	}
	for value := range maps.Values(plain) {
		if text, _ := value.(string); text != capture.Hidden {
			values = append(values, text, base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	return values
}

// holdsAny tells of text that holds a value that is long enough to be told from others.
func holdsAny(text string, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return len(v) >= 4 && strings.Contains(text, v) })
}
