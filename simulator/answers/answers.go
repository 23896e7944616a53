// Package answers reads what a user says that services answer: the calls of policies that
// no capture can hold. [Parse] reads the file, [Calls.Find] answers one call.
//
// A call without an answer stays unknown: nothing is made up.
package answers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/strict"
)

// Kind is the kind of the file.
const Kind = "Answers"

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
	f, err := strict.Read(file, content, &a)
	if err != nil {
		return nil, err
	}
	f.Head(a.APIVersion, a.Kind, Kind)
	if len(a.Calls) == 0 {
		f.Fault("calls", "has no calls")
	}
	for i := range a.Calls {
		a.Calls[i].check(f, fmt.Sprintf("calls[%d]", i))
	}
	return a.Calls, f.Err()
}

// check completes a call, and notes what is wrong with it.
func (c *Call) check(f *strict.File, at string) {
	c.Method = cmp.Or(c.Method, http.MethodGet)
	c.Status = cmp.Or(c.Status, http.StatusOK)
	if !slices.Contains(methods, c.Method) {
		f.Fault(at+".method", "%q, want one of %s", c.Method, strings.Join(methods, ", "))
	}
	if c.URL == "" {
		f.Fault(at+".url", "is missing")
	}
	if c.Status < 100 || c.Status > 599 {
		f.Fault(at+".status", "%d is no HTTP status", c.Status)
	}
	if c.Body != nil && c.Method != http.MethodPost {
		f.Fault(at+".body", "only POST has one")
	}
	for _, part := range []struct {
		name  string
		value *any
	}{{"body", &c.Body}, {"json", &c.JSON}} {
		if err := plain(part.value); err != nil {
			f.Fault(at+"."+part.name, "is not JSON: %v", err)
		}
	}
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
