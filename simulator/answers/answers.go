// Package answers reads what a user says that services answer: the calls of policies that
// no capture can hold. [Parse] reads the file, [Calls.Find] answers one call.
//
// A call without an answer stays unknown: nothing is made up.
package answers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// APIVersion and Kind identify the file.
const (
	APIVersion = "seatrial.dev/v1alpha1"
	Kind       = "Answers"
)

// The methods that policies call with.
var methods = []string{http.MethodGet, http.MethodPost}

// Answers is what services answer to the calls of policies.
type Answers struct {
	APIVersion string `json:"apiVersion" yaml:"apiVersion"`
	Kind       string `json:"kind" yaml:"kind"`
	Calls      Calls  `json:"calls" yaml:"calls"` // the first that fits a call answers it
}

// Calls are answers in the order of their file.
type Calls []Call

// Call is one call and its answer.
type Call struct {
	Method string `json:"method,omitempty" yaml:"method"` // GET or POST; empty is GET
	URL    string `json:"url" yaml:"url"`                 // as the policy calls it, or a path of the API server
	Body   any    `json:"body,omitempty" yaml:"body"`     // of a POST: the answer is for this data only; absent: for any
	Status int    `json:"status,omitempty" yaml:"status"` // HTTP status; 0 is 200
	JSON   any    `json:"json,omitempty" yaml:"json"`     // body of the answer
}

// Parse reads a file; file is for messages. Unknown fields and impossible values are
// errors that name the line.
func Parse(file string, content []byte) (Calls, error) {
	var a Answers
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&a); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: is empty", file)
		}
		return nil, decodeError(file, err)
	}
	var faults []error
	if a.APIVersion != APIVersion {
		faults = append(faults, fmt.Errorf("%s: apiVersion: %q, want %q", file, a.APIVersion, APIVersion))
	}
	if a.Kind != Kind {
		faults = append(faults, fmt.Errorf("%s: kind: %q, want %q", file, a.Kind, Kind))
	}
	if len(a.Calls) == 0 {
		faults = append(faults, fmt.Errorf("%s: calls: has no calls", file))
	}
	for i := range a.Calls {
		faults = append(faults, a.Calls[i].check(fmt.Sprintf("%s: calls[%d]", file, i))...)
	}
	return a.Calls, errors.Join(faults...)
}

// check completes a call, and says what is wrong with it.
func (c *Call) check(where string) (faults []error) {
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
	if !slices.Contains(methods, c.Method) {
		faults = append(faults, fmt.Errorf("%s.method: %q, want one of %s", where, c.Method, strings.Join(methods, ", ")))
	}
	if c.URL == "" {
		faults = append(faults, fmt.Errorf("%s.url: is missing", where))
	}
	if c.Status < 100 || c.Status > 599 {
		faults = append(faults, fmt.Errorf("%s.status: %d is no HTTP status", where, c.Status))
	}
	if c.Body != nil && c.Method != http.MethodPost {
		faults = append(faults, fmt.Errorf("%s.body: only POST has one", where))
	}
	for _, part := range []struct {
		name  string
		value *any
	}{{"body", &c.Body}, {"json", &c.JSON}} {
		if err := plain(part.value); err != nil {
			faults = append(faults, fmt.Errorf("%s.%s: is not JSON: %w", where, part.name, err))
		}
	}
	return faults
}

// plain has a value in the form that it has when it is read from JSON.
func plain(value *any) error {
	content, err := json.Marshal(*value)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, value)
}

// Find returns the answer to a call; body is the JSON that is sent, nil for none or where
// it is not known. ok is false when there is none.
func (c Calls) Find(method, url string, body []byte) (call Call, ok bool) {
	var sent any
	if len(body) > 0 && json.Unmarshal(body, &sent) != nil {
		return Call{}, false
	}
	for _, call := range c {
		if call.URL == url && call.Method == method && (call.Body == nil || reflect.DeepEqual(call.Body, sent)) {
			return call, true
		}
	}
	return Call{}, false
}

// Failed tells whether a call is refused.
func (c Call) Failed() bool { return c.Status < 200 || c.Status >= 300 }

// Text is the body of the answer.
func (c Call) Text() []byte {
	content, err := json.Marshal(c.JSON)
	if err != nil {
		return nil // it was read from JSON
	}
	return content
}

// decodeError says each fault with its line, without the names of our types.
func decodeError(file string, err error) error {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, fault := range faults.Errors {
		fault, _, _ = strings.Cut(fault, " in type ")
		all = append(all, fmt.Errorf("%s: %s", file, fault))
	}
	return errors.Join(all...)
}
