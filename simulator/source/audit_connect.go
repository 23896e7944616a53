package source

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/seatrial/seatrial/simulator/capture"
)

// connects are the options of the subresources that open a connection, by resource and
// subresource. The API server admits them as CONNECT, whatever the verb.
var connects = map[string]string{
	"pods/exec": "PodExecOptions", "pods/attach": "PodAttachOptions", "pods/portforward": "PodPortForwardOptions",
	"pods/proxy": "PodProxyOptions", "services/proxy": "ServiceProxyOptions", "nodes/proxy": "NodeProxyOptions",
}

// connectKind is the kind of the options of a connection, "" for other requests.
func (e *event) connectKind() string {
	if e.ObjectRef.APIGroup != "" {
		return ""
	}
	return connects[e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource]
}

// connect rebuilds the options of a CONNECT request from its address.
func (a *auditor) connect(r *capture.Record, e *event) {
	r.Missing = nil
	r.Kind = capture.GVK{Version: "v1", Kind: e.connectKind()}
	options, err := e.options(metav1.TypeMeta{APIVersion: "v1", Kind: r.Kind.Kind})
	if err != nil {
		r.Missing = append(r.Missing, capture.MissingObject) // the API server does not read them either
		return
	}
	r.Object, _ = json.Marshal(options) // fields of text and numbers
}

// options are the options of a connection, which an API server reads so from its address.
func (e *event) options(kind metav1.TypeMeta) (any, error) {
	query := e.query()
	yes := func(name string) (is bool) {
		values := query[name]
		_ = runtime.Convert_Slice_string_To_bool(&values, &is, nil) // it never fails
		return is
	}
	switch kind.Kind {
	case "PodExecOptions":
		return corev1.PodExecOptions{TypeMeta: kind, Stdin: yes("stdin"), Stdout: yes("stdout"), Stderr: yes("stderr"), TTY: yes("tty"), Container: query.Get("container"), Command: query["command"]}, nil
	case "PodAttachOptions":
		return corev1.PodAttachOptions{TypeMeta: kind, Stdin: yes("stdin"), Stdout: yes("stdout"), Stderr: yes("stderr"), TTY: yes("tty"), Container: query.Get("container")}, nil
	case "PodPortForwardOptions":
		options, values := corev1.PodPortForwardOptions{TypeMeta: kind}, query["ports"]
		err := metav1.Convert_Slice_string_To_Slice_int32(&values, &options.Ports, nil)
		return options, err
	}
	path, err := e.proxied()
	return corev1.PodProxyOptions{TypeMeta: kind, Path: path}, err // those of services and nodes have the same field
}

// addresses reads the addresses of requests as an API server does.
var addresses = &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}

// proxied is the path behind a proxy that was asked for.
func (e *event) proxied() (string, error) {
	address, err := url.Parse(e.RequestURI)
	if err != nil {
		return "", err
	}
	info, err := addresses.NewRequestInfo(&http.Request{Method: http.MethodGet, URL: address})
	if err != nil {
		return "", err
	}
	if len(info.Parts) < 3 {
		return "", nil
	}
	path := strings.Join(info.Parts[3:], "/")
	if path != "" {
		path = "/" + path
	}
	if strings.HasSuffix(address.Path, "/") && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	return path, nil
}
