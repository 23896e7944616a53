package source

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/seatrial/seatrial/simulator/capture"
)

// event is what is read of an audit.k8s.io event, versions v1, v1beta1 and v1alpha1.
type event struct {
	Kind             string          `json:"kind"`
	APIVersion       string          `json:"apiVersion"`
	Items            []*event        `json:"items"` // of an EventList
	AuditID          string          `json:"auditID"`
	Stage            string          `json:"stage"`
	RequestURI       string          `json:"requestURI"`
	Verb             string          `json:"verb"`
	User             auditUser       `json:"user"`
	ImpersonatedUser *auditUser      `json:"impersonatedUser"`
	ObjectRef        *objectRef      `json:"objectRef"`
	ResponseStatus   *responseStatus `json:"responseStatus"`
	RequestObject    json.RawMessage `json:"requestObject"`
	ResponseObject   json.RawMessage `json:"responseObject"`
	Received         *time.Time      `json:"requestReceivedTimestamp"`
	StageTime        *time.Time      `json:"stageTimestamp"`
	Timestamp        *time.Time      `json:"timestamp"` // v1beta1 and before
	late             bool            // it was before events that are read already
}

type auditUser struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type objectRef struct {
	Resource    string `json:"resource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	APIGroup    string `json:"apiGroup"`
	APIVersion  string `json:"apiVersion"`
	Subresource string `json:"subresource"`
}

type responseStatus struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// isEvent tells whether the JSON was an audit event or a list of them.
func (e *event) isEvent() bool {
	return strings.HasPrefix(e.APIVersion, "audit.k8s.io/") || e.AuditID != "" && e.Verb != ""
}

func (e *event) time() *time.Time {
	for _, t := range []*time.Time{e.Received, e.Timestamp, e.StageTime} {
		if t != nil && !t.IsZero() {
			utc := t.UTC()
			return &utc
		}
	}
	return nil
}

// user is who the API server authorised: the impersonated user, if there is one.
func (e *event) user() capture.User {
	u := e.User
	if e.ImpersonatedUser != nil {
		u = *e.ImpersonatedUser
	}
	return capture.User{Username: u.Username, UID: u.UID, Groups: u.Groups, Extra: u.Extra}
}

func (e *event) query() url.Values {
	u, err := url.Parse(e.RequestURI)
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// dryRun tells of a request that asks for a dry run: by its address, or a deletion by the options that
// are its body. Where there is a body, an API server does not read the others.
func (e *event) dryRun() bool {
	options, _ := e.body(e.RequestObject)
	if deletes := e.Verb == "delete" || e.Verb == "deletecollection"; deletes && options != nil {
		return asksDryRun(options)
	}
	return slices.Contains(e.query()["dryRun"], metav1.DryRunAll)
}

// evictsNothing tells of an eviction that asks for a dry run of the deletion: to webhooks it is none.
func (e *event) evictsNothing() bool {
	eviction, _ := e.body(e.RequestObject)
	options, _ := eviction["deleteOptions"].(map[string]any)
	return e.ObjectRef.Subresource == "eviction" && asksDryRun(options)
}

func asksDryRun(options map[string]any) bool {
	stages, _ := options["dryRun"].([]any)
	return slices.Contains(stages, any(metav1.DryRunAll))
}

// succeeded tells whether the request took effect.
func (e *event) succeeded() bool {
	return e.ResponseStatus != nil && e.ResponseStatus.Code >= 200 && e.ResponseStatus.Code < 300
}

func (e *event) response() *capture.Response {
	if e.ResponseStatus == nil {
		return nil
	}
	r := &capture.Response{Code: e.ResponseStatus.Code, Reason: e.ResponseStatus.Reason, Message: e.ResponseStatus.Message}
	if r.Code >= 400 && r.Message == "" {
		var status responseStatus
		if json.Unmarshal(e.ResponseObject, &status) == nil {
			r.Reason, r.Message = status.Reason, status.Message
		}
	}
	return r
}

func (e *event) gvr() capture.GVR {
	return capture.GVR{Group: e.ObjectRef.APIGroup, Version: e.ObjectRef.APIVersion, Resource: e.ObjectRef.Resource}
}

// operation is the admission operation, "" for a request that is not admitted: a read.
func (e *event) operation() capture.Operation {
	if e.ObjectRef == nil || e.ObjectRef.Resource == "" {
		return ""
	}
	if e.connectKind() != "" {
		return capture.Connect
	}
	switch e.Verb {
	case "create":
		return capture.Create
	case "update", "patch":
		if e.ResponseStatus != nil && e.ResponseStatus.Code == 201 {
			return capture.Create // of a new object, by its name or by server-side apply
		}
		return capture.Update
	case "delete", "deletecollection":
		return capture.Delete
	}
	return ""
}

// body decodes a body and redacts it. nil when there is none, or when it is no object.
func (e *event) body(raw json.RawMessage) (object map[string]any, hidden bool) {
	if len(raw) > 0 && raw[0] == '[' { // a JSON patch
		var operations []any
		_ = utiljson.Unmarshal(raw, &operations) // it is JSON
		return nil, redactHeld(operations)
	}
	if len(raw) == 0 || utiljson.Unmarshal(raw, &object) != nil || len(object) == 0 {
		return nil, false
	}
	return object, redact(object)
}
