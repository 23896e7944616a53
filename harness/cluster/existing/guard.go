package existing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// What is written has these labels: that it is a rehearsal's, and which fleet's.
const (
	managedBy = "app.kubernetes.io/managed-by"
	manager   = "seatrial"
	fleetIs   = "seatrial.dev/fleet"
)

// ours says whether a rehearsal writes objects of the group: policies and their exceptions.
func ours(group string) bool { return group == "kyverno.io" || group == "policies.kyverno.io" }

// A guard lets through what reads, dry runs, and what concerns the policies of its fleet. It
// answers the rest itself, with 403.
type guard struct {
	next  http.RoundTripper
	fleet string
}

// asking are the groups whose objects are questions: creating one stores nothing.
var asking = []string{"authorization.k8s.io", "authentication.k8s.io"}

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	group, kind, named := target(req.URL.Path)
	switch {
	case req.Method == http.MethodGet, req.Method == http.MethodHead, req.Method == http.MethodOptions:
	case slices.Equal(req.URL.Query()["dryRun"], []string{"All"}):
	case req.Method == http.MethodPost && slices.Contains(asking, group):
	case !ours(group) || kind == "":
		return refuse(req, "a rehearsal writes nothing but policies to a cluster that exists already")
	case req.Method == http.MethodPost:
		return g.labelled(req)
	case !named:
		return refuse(req, "a rehearsal deletes one object at a time from a cluster that exists already")
	default:
		made, err := g.made(req)
		if err != nil {
			return nil, err
		}
		if !made {
			return refuse(req, "it was there before the rehearsal, or is another one's; a rehearsal changes only what it has made")
		}
		if req.Method == http.MethodPut {
			return g.labelled(req)
		}
		if req.Method == http.MethodPatch {
			return refuse(req, "a rehearsal replaces its policies in whole")
		}
	}
	return g.next.RoundTrip(req)
}

// target takes a path of the API apart: /apis/GROUP/VERSION[/namespaces/NS]/KIND[/NAME].
func target(p string) (group, kind string, named bool) {
	parts := strings.Split(strings.Trim(path.Clean(p), "/"), "/")
	if at := slices.Index(parts, "apis"); at >= 0 && len(parts) > at+2 {
		group, parts = parts[at+1], parts[at+3:]
	} else {
		return "", "", false
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	if len(parts) == 0 {
		return group, "", false
	}
	return group, parts[0], len(parts) == 2
}

// labelled sends an object with the labels. It takes JSON, which is what dynamic clients write.
func (g guard) labelled(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if err := req.Body.Close(); err != nil {
		return nil, err
	}
	o := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(body, &o.Object); err != nil || o.Object == nil {
		return refuse(req, "only objects written as JSON can be labelled")
	}
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[managedBy], labels[fleetIs] = manager, g.fleet
	o.SetLabels(labels)
	if body, err = json.Marshal(o.Object); err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return g.next.RoundTrip(out)
}

// made says whether the object of a path has the labels. One that is not there may be deleted.
func (g guard) made(req *http.Request) (bool, error) {
	look := req.Clone(req.Context())
	look.Method, look.Body, look.ContentLength, look.GetBody = http.MethodGet, nil, 0, nil
	u := *req.URL
	u.RawQuery, look.URL = "", &u
	look.Header.Set("Accept", "application/json")
	look.Header.Del("Content-Type")
	resp, err := g.next.RoundTrip(look)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return true, nil
	}
	if resp.StatusCode != http.StatusOK {
		return false, nil
	}
	o := &unstructured.Unstructured{}
	if err := json.NewDecoder(resp.Body).Decode(&o.Object); err != nil {
		return false, err
	}
	labels := o.GetLabels()
	return labels[managedBy] == manager && labels[fleetIs] == g.fleet, nil
}

// refuse answers as an API server would.
func refuse(req *http.Request, why string) (*http.Response, error) {
	if req.Body != nil {
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden,
		Message: fmt.Sprintf("seatrial sent no %s of %s: %s", req.Method, req.URL.Path, why),
	})
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 Forbidden", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, err
}
