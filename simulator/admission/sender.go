package admission

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/seatrial/seatrial/simulator/capture"
)

const nodeUser = "system:node:" // before a node's name

// makers are the controllers of Kubernetes by the kind of what they make things for.
var makers = map[schema.GroupKind]string{
	{Group: "apps", Kind: "Deployment"}:  "deployment-controller",
	{Group: "apps", Kind: "ReplicaSet"}:  "replicaset-controller",
	{Group: "apps", Kind: "StatefulSet"}: "statefulset-controller",
	{Group: "apps", Kind: "DaemonSet"}:   "daemon-set-controller",
	{Group: "batch", Kind: "Job"}:        "job-controller",
	{Group: "batch", Kind: "CronJob"}:    "cronjob-controller",
	{Kind: "ReplicationController"}:      "replication-controller",
	{Kind: "Service"}:                    "endpointslice-controller",
}

// Sender is who sends a request: the recorded user; where none is recorded, the controller that the
// object is owned by. made tells that a controller sends it, also where it is not known which: a user
// without a name.
func Sender(rec *capture.Record) (who capture.User, made bool) {
	if rec.User.Username != "" || rec.Owner == nil || rec.Operation != capture.Create && !rec.Again || rec.SubResource != "" {
		return rec.User, false
	}
	var object metav1.PartialObjectMetadata
	if json.Unmarshal(rec.Object, &object) != nil {
		return rec.User, false // it has no owner that can be read
	}
	owner := metav1.GetControllerOf(&object)
	if owner == nil {
		return rec.User, false
	}
	kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()
	if kind == (schema.GroupKind{Kind: "Node"}) {
		return capture.User{Username: nodeUser + owner.Name, Groups: []string{user.NodesGroup, user.AllAuthenticated}}, true
	}
	return controllerAccount(makers[kind]), true
}

// controllerAccount is the service account of a controller of Kubernetes; of none, nobody.
func controllerAccount(controller string) capture.User {
	if controller == "" {
		return capture.User{}
	}
	return capture.User{
		Username: serviceaccount.MakeUsername(metav1.NamespaceSystem, controller),
		Groups:   append(serviceaccount.MakeGroupNames(metav1.NamespaceSystem), user.AllAuthenticated),
	}
}
