package admission

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What controllers make of templates: the name, the owner, the labels and the user that
// policies see. specs of harness/e2e compare it with what real controllers make.
func TestPodsOfTemplates(t *testing.T) {
	const template = `"template":{"metadata":{"labels":{"app":"web"},"annotations":{"note":"x"}},"spec":{"containers":[{"name":"a","image":"a:1"}]}}`
	const job = "batch.kubernetes.io/controller-uid=UID batch.kubernetes.io/job-name=NAME controller-uid=UID job-name=NAME"
	for _, c := range []struct{ reason, kind, spec, want string }{
		{"a Deployment's are its ReplicaSet's", "apps/v1 Deployment", `{` + template + `}`, "web-HASH- of ReplicaSet web-HASH by replicaset-controller: app=web pod-template-hash=HASH"},
		{"a ReplicaSet's have no hash", "apps/v1 ReplicaSet", `{` + template + `}`, "web- of ReplicaSet web by replicaset-controller: app=web"},
		{"a ReplicationController's", "v1 ReplicationController", `{` + template + `}`, "web- of ReplicationController web by replication-controller: app=web"},
		{"a StatefulSet's first", "apps/v1 StatefulSet", `{` + template + `}`,
			"web- of StatefulSet web by statefulset-controller: app=web apps.kubernetes.io/pod-index=0 controller-revision-hash=web-HASH statefulset.kubernetes.io/pod-name=web-0"},
		{"a DaemonSet's", "apps/v1 DaemonSet", `{` + template + `}`, "web- of DaemonSet web by daemon-set-controller: app=web controller-revision-hash=HASH pod-template-generation=1"},
		{"a Job's", "batch/v1 Job", `{` + template + `}`, "web- of Job web by job-controller: app=web " + strings.ReplaceAll(job, "NAME", "web")},
		{"a CronJob's are its Job's", "batch/v1 CronJob", `{"jobTemplate":{"spec":{` + template + `}}}`, "web-29000000- of Job web-29000000 by job-controller: app=web " + strings.ReplaceAll(job, "NAME", "web-29000000")},
		{"none where there is no replica", "apps/v1 Deployment", `{"replicas":0,` + template + `}`, ""},
		{"none of a Job that is not to run", "batch/v1 Job", `{"parallelism":0,` + template + `}`, ""},
		{"none of a Job that another controller manages", "batch/v1 Job", `{"managedBy":"example.com/queue",` + template + `}`, ""},
		{"none of another kind", "v1 Service", `{` + template + `}`, ""},
	} {
		apiVersion, kind, _ := strings.Cut(c.kind, " ")
		rec := &capture.Record{Operation: capture.Create, Kind: capture.ParseGVK(apiVersion, kind), Namespace: "shop", Name: "web",
			Object: []byte(fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"web","namespace":"shop"},"spec":%s}`, apiVersion, kind, c.spec))}
		all, err := Products(rec)
		if err != nil {
			t.Fatal(err)
		}
		var pod *capture.Record
		for _, made := range all {
			if made.Kind.Kind == "Pod" {
				pod = made
			}
		}
		if got := saidOf(t, pod); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.reason, got, c.want)
		}
	}
}

// saidOf is what is told of a made pod, "" of none.
func saidOf(t *testing.T, rec *capture.Record) string {
	t.Helper()
	if rec == nil {
		return ""
	}
	var pod corev1.Pod
	if err := json.Unmarshal(rec.Object, &pod); err != nil {
		t.Fatal(err)
	}
	if len(pod.OwnerReferences) != 1 {
		return fmt.Sprintf("%d owners", len(pod.OwnerReferences))
	}
	if pod.Annotations["note"] != "x" || rec.Namespace != "shop" || pod.Namespace != "shop" || rec.Operation != capture.Create {
		return "it is not the template's"
	}
	owner := pod.OwnerReferences[0]
	user := strings.TrimPrefix(rec.User.Username, "system:serviceaccount:kube-system:")
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(pod.Labels)) {
		labels = append(labels, key+"="+pod.Labels[key])
	}
	text := fmt.Sprintf("%s of %s %s by %s: %s", pod.GenerateName, owner.Kind, owner.Name, user, strings.Join(labels, " "))
	hash := strings.TrimPrefix(pod.Labels["controller-revision-hash"]+pod.Labels["pod-template-hash"], "web-")
	if hash != "" {
		text = strings.ReplaceAll(text, hash, "HASH")
	}
	return strings.ReplaceAll(text, string(owner.UID), "UID")
}

// What the API server writes into what it is sent, where the request says it.
func TestPrepared(t *testing.T) {
	w := captured(t, "testdata/world.yaml").World("a")
	pod := func(meta string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"` + meta + `},"spec":{"containers":[{"name":"a","image":"a:1"}]}}`
	}
	for _, c := range []struct {
		reason, object, path, want string
		operation                  capture.Operation
	}{
		{"the namespace of the request", pod(""), "metadata.namespace", `"shop"`, capture.Create},
		{"a mirror of a node's own pod has no account", pod(`,"annotations":{"kubernetes.io/config.mirror":"x"}`), "spec.serviceAccountName", "null", capture.Create},
		{"tolerations of an update, too", pod(""), "spec.tolerations.0.key", `"node.kubernetes.io/not-ready"`, capture.Update},
		{"but no account", pod(""), "spec.serviceAccountName", "null", capture.Update},
	} {
		got, err := Prepare(w, &capture.Record{Operation: c.operation, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Resource: capture.GVR{Version: "v1", Resource: "pods"}, Namespace: "shop", Name: "p", Object: []byte(c.object)})
		if err != nil {
			t.Fatal(err)
		}
		if found := valueAt(t, got, c.path); found != c.want {
			t.Errorf("%s: %s is %s, want %s", c.reason, c.path, found, c.want)
		}
	}
}

// valueAt is the JSON at a path of field names and indices.
func valueAt(t *testing.T, content json.RawMessage, path string) string {
	t.Helper()
	var at any
	if err := json.Unmarshal(content, &at); err != nil {
		t.Fatal(err)
	}
	for _, step := range strings.Split(path, ".") {
		switch node := at.(type) {
		case map[string]any:
			at = node[step]
		case []any:
			at = node[0]
		}
	}
	text, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
