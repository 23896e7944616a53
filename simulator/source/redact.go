package source

import (
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// redact replaces secret values of an object in place and tells whether there were any.
// Keys stay: policies may ask for them. managedFields go from every object, for size.
func redact(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	if meta != nil {
		delete(meta, "managedFields")
	}
	kind, _ := object["kind"].(string)
	found := redactAnnotations(meta, kind)
	switch kind {
	case "Secret":
		found = redactSecret(object) || found
	case "TokenRequest":
		found = redactField(object, "status", "token") || found
	case "TokenReview":
		found = redactField(object, "spec", "token") || found
	}
	return found
}

// redactSecret does so with an object that is a Secret, or what an API server makes of one.
func redactSecret(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	delete(meta, "managedFields")
	found := redactAnnotations(meta, "Secret")
	found = redactMap(object, "data", capture.HiddenBase64) || found
	return redactMap(object, "stringData", capture.Hidden) || found
}

// redactAnnotations drops what kubectl last applied to a Secret, and anything that embeds one.
func redactAnnotations(meta map[string]any, kind string) bool {
	annotations, _ := meta["annotations"].(map[string]any)
	found := false
	for key, value := range annotations {
		text, _ := value.(string)
		if key == lastApplied && kind == "Secret" || strings.Contains(text, `"kind":"Secret"`) {
			annotations[key] = capture.Hidden
			found = true
		}
	}
	return found
}

func redactMap(object map[string]any, field, with string) bool {
	switch values := object[field].(type) {
	case map[string]any:
		for key := range values {
			values[key] = with
		}
		return len(values) > 0
	case nil:
		return false
	}
	object[field] = with
	return true
}

func redactField(object map[string]any, parent, field string) bool {
	in, _ := object[parent].(map[string]any)
	if in[field] == nil {
		return false
	}
	in[field] = capture.Hidden
	return true
}
