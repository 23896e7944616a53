// Package traffic sends captured requests to a real API server, as the users who
// sent them, and says what admission answered.
//
// [Sender.Send] sends one record, as a dry run unless told otherwise. An answer
// tells four things apart ([Kind]): admitted; denied by a policy: a Kyverno webhook's or a ValidatingAdmissionPolicy; a
// webhook that failed; and requests that admission never judged, because the API
// server refused them before (authorization, validation, another admission
// plugin) or because they cannot be sent. Nothing of that is guessed: a refusal
// that is not known to be Kyverno's is not counted as one.
//
// [Sender.Replay] sends many, in order, with the rate, compression and
// concurrency asked for; requests for one object are never reordered.
package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// Kind is what an answer says of admission.
type Kind string

// The kinds.
const (
	Admitted     Kind = "admitted"
	Denied       Kind = "denied"        // by a policy
	WebhookError Kind = "webhook error" // a webhook did not answer, or answered with an error
	Unjudged     Kind = "not judged"
	Unreachable  Kind = "unreachable" // the API server does not answer
)

// An Answer is what one request got.
type Answer struct {
	Kind     Kind
	Code     int             // HTTP status; 0 when there was none
	Reason   string          // of an Unjudged: why, in words that can be counted
	Message  string          // the server's
	Policies []string        // that the message of a denial names, sorted
	Warnings []string        // of the answer's headers
	Object   json.RawMessage // the admitted object, where the sender keeps it
	Took     time.Duration   // until the answer was read
}

// A Sender sends records to one cluster. It is safe for concurrent use.
type Sender struct {
	// Keep has answers hold the admitted objects. Set it before the first request.
	Keep bool

	host   string
	client *http.Client
}

// New returns a sender for the cluster of cfg, whose user must be allowed to impersonate.
func New(cfg *rest.Config) (*Sender, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = 40 * time.Second // a webhook may take 30
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, err
	}
	return &Sender{host: strings.TrimSuffix(cfg.Host, "/"), client: client}, nil
}

// Send sends a record and waits for the answer.
func (s *Sender) Send(ctx context.Context, rec *capture.Record, dryRun bool) Answer {
	req, reason := s.request(ctx, rec, dryRun)
	if reason != "" {
		return Answer{Kind: Unjudged, Reason: reason}
	}
	start := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return Answer{Kind: Unreachable, Message: err.Error(), Took: time.Since(start)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	took := time.Since(start)
	if err != nil {
		return Answer{Kind: Unreachable, Message: err.Error(), Took: took}
	}
	a := Answer{Code: resp.StatusCode, Took: took, Warnings: warnings(resp.Header)}
	if resp.StatusCode < 300 {
		a.Kind = Admitted
		if s.Keep {
			a.Object = body
		}
		return a
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Message != "" {
		a.Message = status.Message
	} else {
		a.Message = strings.TrimSpace(string(body))
	}
	a.classify(rec, status.Reason)
	return a
}

// request is the HTTP request of a record, or the reason why there can be none.
func (s *Sender) request(ctx context.Context, rec *capture.Record, dryRun bool) (*http.Request, string) {
	method, body, reason := method(rec, dryRun)
	switch {
	case reason != "":
		return nil, reason
	case dryRun && rec.Operation == capture.Connect:
		return nil, "a connection cannot be a dry run"
	case CreatesOwn(rec):
		return nil, ownReason
	case rec.Again && deleting(rec):
		return nil, "it was being deleted when it was captured, and is not where it is asked about"
	}
	target := s.host + path(rec)
	if method == http.MethodPut && !admission.Known(rec.Kind) {
		body = s.versioned(ctx, target, body)
	}
	if query := query(rec, dryRun); len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, "cannot be sent: " + err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", string(types.MergePatchType))
	}
	req.Header.Set("Accept", "application/json")
	sender, _ := admission.Sender(rec)
	impersonate(req.Header, sender)
	return req, ""
}

// deleting tells of an object on which somebody waits to be gone.
func deleting(rec *capture.Record) bool {
	var o metav1.PartialObjectMetadata
	return json.Unmarshal(rec.OldObject, &o) == nil && o.DeletionTimestamp != nil
}

func method(rec *capture.Record, dryRun bool) (method string, body []byte, reason string) {
	body = unstored(rec.Object)
	if (rec.Operation == capture.Create || rec.Operation == capture.Update) && (len(body) == 0 || rec.Lacks(capture.MissingObject)) {
		return "", nil, "its body was not captured"
	}
	if rec.Again {
		return http.MethodPatch, []byte("{}"), "" // what is there, as it is there
	}
	switch rec.Operation {
	case capture.Create:
		return http.MethodPost, body, ""
	case capture.Update:
		return http.MethodPut, body, ""
	case capture.Delete:
		return http.MethodDelete, options(rec.Options, dryRun), ""
	case capture.Connect:
		return http.MethodPost, nil, ""
	}
	return "", nil, fmt.Sprintf("operation %q is unknown", rec.Operation)
}

func path(rec *capture.Record) string {
	parts := []string{"apis", rec.Resource.Group, rec.Resource.Version}
	if rec.Resource.Group == "" {
		parts = []string{"api", rec.Resource.Version}
	}
	if rec.Namespace != "" && !(rec.Resource.Group == "" && rec.Resource.Resource == "namespaces") {
		parts = append(parts, "namespaces", rec.Namespace)
	}
	parts = append(parts, rec.Resource.Resource)
	if rec.Name != "" && !rec.Collection && (rec.Operation != capture.Create || rec.SubResource != "") {
		parts = append(parts, rec.Name)
	}
	if rec.SubResource != "" {
		parts = append(parts, rec.SubResource)
	}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/" + strings.Join(parts, "/")
}

// query is what follows the path. Of a collection that was deleted, it selects the record's object.
func query(rec *capture.Record, dryRun bool) url.Values {
	values := url.Values{}
	if dryRun {
		values.Set("dryRun", "All")
	}
	if rec.Collection {
		values.Set("fieldSelector", "metadata.name="+rec.Name)
	}
	return values
}

// unstored drops what only the cluster that stored an object may say.
func unstored(object json.RawMessage) []byte {
	var o map[string]any
	if json.Unmarshal(object, &o) != nil {
		return object
	}
	if meta, ok := o["metadata"].(map[string]any); ok {
		for _, field := range []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"} {
			delete(meta, field)
		}
	}
	out, err := json.Marshal(o)
	if err != nil {
		return object
	}
	return out
}

// options are what is sent along with a deletion: all that does not name one object that
// another cluster has. An API server that gets any reads none from the query: that it is a dry run
// they say themselves.
func options(recorded json.RawMessage, dryRun bool) []byte {
	var o map[string]any
	if len(recorded) == 0 || json.Unmarshal(recorded, &o) != nil {
		return nil
	}
	o["apiVersion"], o["kind"] = "meta.k8s.io/v1", "DeleteOptions"
	delete(o, "preconditions")
	delete(o, "dryRun")
	if dryRun {
		o["dryRun"] = []string{metav1.DryRunAll}
	}
	out, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	return out
}

// versioned has the version of the object that is there: custom resources are not updated
// without. What cannot be read stays as it is, and the API server says why.
func (s *Sender) versioned(ctx context.Context, at string, object []byte) []byte {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return object
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return object
	}
	defer resp.Body.Close()
	there, next := &unstructured.Unstructured{}, &unstructured.Unstructured{}
	if json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(&there.Object) != nil || utiljson.Unmarshal(object, &next.Object) != nil || there.GetResourceVersion() == "" {
		return object
	}
	next.SetResourceVersion(there.GetResourceVersion())
	out, err := json.Marshal(next.Object)
	if err != nil {
		return object
	}
	return out
}

// impersonate adds the headers by which the API server takes the request as the user's.
// Groups that the server adds itself need not be allowed.
func impersonate(h http.Header, u capture.User) {
	if u.Username == "" {
		return
	}
	h.Set("Impersonate-User", u.Username)
	if u.UID != "" {
		h.Set("Impersonate-Uid", u.UID)
	}
	for _, g := range u.Groups {
		h.Add("Impersonate-Group", g)
	}
	for k, values := range u.Extra {
		for _, v := range values {
			h.Add("Impersonate-Extra-"+url.PathEscape(k), v)
		}
	}
}

// warnings reads the Warning headers: 299 - "text". See RFC 7234, section 5.5.
func warnings(h http.Header) (out []string) {
	all, _ := utilnet.ParseWarningHeaders(h.Values("Warning")) // what is none is nobody's warning
	for _, w := range all {
		out = append(out, w.Text)
	}
	return out
}
