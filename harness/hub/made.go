package hub

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// definedGroups are the suffixes of groups whose definitions the rehearsal's hub has.
var definedGroups = []string{"kubernetes-fleet.io", "kubefleet.dev", "kyverno.io", "wgpolicyk8s.io", "openreports.io"}

// madeByHub says whether an object of a live hub was made by its API server or by
// controllers. A hub of the rehearsal's own makes it too, and would not take this one.
func madeByHub(o *policy.Object) bool {
	if placement.Derived(o) || systemNamespaceOf(o) {
		return true
	}
	group, _, _ := strings.Cut(o.APIVersion, "/")
	switch {
	case o.Kind == "CustomResourceDefinition":
		_, of, _ := strings.Cut(o.Name, ".")
		return slices.ContainsFunc(definedGroups, func(g string) bool { return of == g || strings.HasSuffix(of, "."+g) })
	case o.Kind == "ConfigMap" && o.APIVersion == "v1":
		return o.Name == "kube-root-ca.crt"
	case o.Kind == "ServiceAccount" && o.APIVersion == "v1":
		return o.Name == "default"
	case group == "rbac.authorization.k8s.io":
		return strings.HasPrefix(o.Name, "system:") || bootstrapped(o)
	}
	return false
}

// systemNamespaceOf says whether an object is a namespace that nobody writes, or lies in one.
func systemNamespaceOf(o *policy.Object) bool {
	name := o.Namespace
	if o.Kind == "Namespace" && o.APIVersion == "v1" {
		if o.Name == "default" {
			return true
		}
		name = o.Name
	}
	return strings.HasPrefix(name, "kube-") || name == systemNamespace || strings.HasPrefix(name, "fleet-member-")
}

// bootstrapped says whether the API server makes the object when it starts.
func bootstrapped(o *policy.Object) bool {
	var head struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	return json.Unmarshal(o.JSON, &head) == nil && head.Metadata.Labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
}
