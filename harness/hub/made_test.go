package hub

import (
	"encoding/json"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

// TestALiveHubsOwnObjectsStayThere holds which objects of a live hub a rehearsal's hub gets.
func TestALiveHubsOwnObjectsStayThere(t *testing.T) {
	for _, c := range []struct {
		apiVersion, kind, namespace, name, labels string
		made                                      bool
	}{
		{"v1", "Namespace", "", "shop-policies", "{}", false},
		{"v1", "Namespace", "", "kube-system", "{}", true},
		{"v1", "Namespace", "", "default", "{}", true},
		{"v1", "Namespace", "", "fleet-member-prod", "{}", true},
		{"v1", "ConfigMap", "shop-policies", "allowed", "{}", false},
		{"v1", "ConfigMap", "shop-policies", "kube-root-ca.crt", "{}", true},
		{"v1", "ConfigMap", "kube-system", "allowed", "{}", true},
		{"v1", "ServiceAccount", "shop-policies", "default", "{}", true},
		{"v1", "ServiceAccount", "shop-policies", "reader", "{}", false},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:node", "{}", true},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "", "edit", `{"kubernetes.io/bootstrapping":"rbac-defaults"}`, true},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "", "policy-editor", "{}", false},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "clusterpolicies.kyverno.io", "{}", true},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "works.placement.kubernetes-fleet.io", "{}", true},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "queues.jobs.example.com", "{}", false},
		{"placement.kubernetes-fleet.io/v1beta1", "ClusterResourceBinding", "", "b", "{}", true},
		{"placement.kubernetes-fleet.io/v1beta1", "ClusterResourcePlacement", "", "p", "{}", false},
		{"kyverno.io/v1", "ClusterPolicy", "", "p", "{}", false},
	} {
		o := policy.Object{APIVersion: c.apiVersion, Kind: c.kind, Namespace: c.namespace, Name: c.name, JSON: json.RawMessage(`{"metadata":{"labels":` + c.labels + `}}`)}
		if got := madeByHub(&o); got != c.made {
			t.Errorf("%s %s/%s: made by the hub %v, want %v", c.kind, c.namespace, c.name, got, c.made)
		}
	}
}
