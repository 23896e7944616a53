package source

import (
	"encoding/json"
	"regexp"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// secretPath is the path of Secrets, at the end of that of a proxy as well.
var secretPath = regexp.MustCompile(`/api/v1/(?:namespaces/[^/?]+/)?secrets(?:[/?]|$)`)

// ofSecrets tells of a request about Secrets, whatever the kinds that its bodies name.
func (e *event) ofSecrets() bool {
	return e.ObjectRef != nil && (e.ObjectRef.Resource == "secrets" && e.ObjectRef.APIGroup == "" || secretPath.MatchString(e.RequestURI))
}

// hideSecrets replaces secret values in the bodies of a request about Secrets, before anything reads
// them.
func (e *event) hideSecrets() {
	if !e.ofSecrets() {
		return
	}
	if e.Verb != "delete" && e.Verb != "deletecollection" { // whose bodies are options
		e.RequestObject = withoutSecrets(e.RequestObject)
	}
	if e.ResponseStatus == nil || e.ResponseStatus.Message == "" {
		e.tellStatus()
	}
	e.ResponseObject = withoutSecrets(e.ResponseObject)
}

// tellStatus takes the words of a refusal from its answer, where they are nowhere else.
func (e *event) tellStatus() {
	if r := e.response(); r != nil {
		e.ResponseStatus = &responseStatus{Code: r.Code, Reason: r.Reason, Message: r.Message}
	}
}

// discreet leaves of the words of a refusal no more than who refuses, where they may quote a value.
func discreet(r *capture.Record) {
	if r.Redacted && r.Response != nil && r.Response.Message != "" {
		r.Response.Message = strings.TrimPrefix(refuser.FindString(r.Response.Message)+": "+capture.Hidden, ": ")
	}
}

// refuser is who refuses, in the words of a refusal.
var refuser = regexp.MustCompile(`admission webhook(?: "[^"]*")?|(?:Validating|Mutating)AdmissionPolicy(?: '[^']*')?`)

// withoutSecrets is a body of a request about Secrets without their values: an object, or the
// operations of a JSON patch.
func withoutSecrets(raw json.RawMessage) json.RawMessage {
	var content any
	if len(raw) == 0 || utiljson.Unmarshal(raw, &content) != nil {
		return nil
	}
	switch content := content.(type) {
	case map[string]any:
		redactSecret(content)
	case []any:
		for _, one := range content {
			if operation, ok := one.(map[string]any); ok {
				redactOperation(operation)
			}
		}
	default:
		return nil
	}
	raw, _ = json.Marshal(content) // it came from JSON
	return raw
}

// redactOperation replaces secret values in an operation of a JSON patch: it is a Secret that has
// nothing but what the operation puts there.
func redactOperation(operation map[string]any) {
	value, ok := operation["value"]
	if !ok || value == nil {
		return
	}
	fields := strings.Split(text(operation, "path"), "/")[1:]
	for i := len(fields) - 1; i >= 0; i-- {
		value = map[string]any{unescape.Replace(fields[i]): value}
	}
	secret, ok := value.(map[string]any)
	if !ok {
		operation["value"] = capture.Hidden
		return
	}
	redactSecret(secret)
	value = secret
	for _, field := range fields {
		if inner, ok := value.(map[string]any); ok {
			value = inner[unescape.Replace(field)]
		}
	}
	operation["value"] = value
}

// unescape reads a field of a JSON pointer.
var unescape = strings.NewReplacer("~1", "/", "~0", "~")
