package source

import (
	"regexp"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// redact replaces secret values of an object in place, and of the Secrets that it holds, and tells
// whether there were any. Keys stay: policies may ask for them. managedFields go from every object, for size.
func redact(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	if meta != nil {
		delete(meta, "managedFields")
	}
	apiVersion, kind := text(object, "apiVersion"), text(object, "kind")
	found := redactAnnotations(meta)
	switch kind {
	case "Secret":
		if apiVersion == "v1" || apiVersion == "" {
			return redactSecret(object) || found
		}
		found = redactNotes(object) || found
		found = redactMap(object, "data", capture.HiddenBase64) || found
		found = redactMap(object, "stringData", capture.Hidden) || found
	}
	if policy.IsPolicyKind(apiVersion, kind) {
		return found // what it generates is no Secret yet
	}
	return redactHeld(object) || found
}

// redactHeld replaces tokens, and the values of Secrets that an object of another kind holds: works for
// other clusters, requests that wait, lists.
func redactHeld(value any) (found bool) {
	switch value := value.(type) {
	case map[string]any:
		if _, is := value["metadata"].(map[string]any); is && value["kind"] == "Secret" && value["apiVersion"] == "v1" {
			return redactSecret(value)
		}
		switch value["kind"] {
		case "TokenRequest":
			found = redactField(value, "status", "token")
		case "TokenReview":
			found = redactField(value, "spec", "token")
		}
		for _, inner := range value {
			found = redactHeld(inner) || found
		}
	case []any:
		for _, inner := range value {
			found = redactHeld(inner) || found
		}
	}
	return found
}

// redactAnnotations drops what embeds a Secret.
func redactAnnotations(meta map[string]any) bool {
	annotations, _ := meta["annotations"].(map[string]any)
	found := false
	for key, value := range annotations {
		if text, _ := value.(string); holdsSecret(text) {
			annotations[key] = capture.Hidden
			found = true
		}
	}
	return found
}

var secretKind = regexp.MustCompile(`\bkind\\*["']?\s*:\s*\\*["']?Secret\b`)

// holdsSecret tells of text that holds a Secret.
func holdsSecret(text string) bool {
	return strings.Contains(text, "Secret") && secretKind.MatchString(text)
}

func redactMap(object map[string]any, field, with string) bool {
	switch values := object[field].(type) {
	case map[string]any:
		for key, value := range values {
			if value != nil && !(key == "$patch" && isDirective(value)) {
				values[key] = with
			}
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
