package record

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/source"
)

// reports are looked up and shown, but nobody's requests.
var reports = []string{"*.wgpolicyk8s.io", "*.openreports.io"}

// secrets are the resources whose values stay in the cluster.
var secrets = []string{"secrets"}

// world are the resources besides policies that are captured whichever kinds are asked
// for, since answers rest on them.
var world = []string{
	"namespaces", "configmaps", "serviceaccounts", "limitranges", "resourcequotas", "*.rbac.authorization.k8s.io",
	"customresourcedefinitions.apiextensions.k8s.io", "*.admissionregistration.k8s.io", "*.kyverno.io", "*.policies.kyverno.io",
	"priorityclasses.scheduling.k8s.io", "storageclasses.storage.k8s.io", "ingressclasses.networking.k8s.io", "runtimeclasses.node.k8s.io",
}

// resource is what is listed.
type resource struct {
	metav1.APIResource // with Group and Version
}

// String is the resource's name with its group: deployments.apps.
func (r resource) String() string {
	if r.Group == "" {
		return r.Name
	}
	return r.Name + "." + r.Group
}

func (r resource) apiVersion() string {
	return metav1.GroupVersion{Group: r.Group, Version: r.Version}.String()
}

func (r resource) path(namespace string) string {
	path := "/apis/" + r.apiVersion()
	if r.Group == "" {
		path = "/api/" + r.Version
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	return path + "/" + r.Name
}

func (r resource) in(names []string) bool {
	return slices.Contains(names, r.String()) || r.Group != "" && slices.Contains(names, "*."+r.Group)
}

// isPolicy tells whether its objects decide about requests in any namespace.
func (r resource) isPolicy() bool { return policy.IsPolicyKind(r.apiVersion(), r.Kind) }

// called tells whether the resource is what a user means by name: Deployment, deploy,
// deployments, deployments.apps, Deployment.apps, *.apps.
func (r resource) called(name string) bool {
	names := append([]string{r.Name, r.Kind, r.SingularName}, r.ShortNames...)
	for _, own := range append(names, "*") {
		if own == "" {
			continue
		}
		if own != "*" && strings.EqualFold(name, own) || r.Group != "" && strings.EqualFold(name, own+"."+r.Group) {
			return true
		}
	}
	return false
}

// role says what becomes of a resource.
type role int

const (
	leaveOut role = iota
	lookUp        // policies may look its objects up
	request       // its objects are requests; of some kinds policies may look them up as well
)

// roleOf decides about a resource. Kinds that are named win over what is usually left out.
func (o Options) roleOf(r resource) role {
	named := slices.ContainsFunc(o.Kinds, r.called)
	switch {
	case !slices.Contains(r.Verbs, "list"):
		return leaveOut
	case r.in(reports):
		return lookUp
	case named:
		return request
	case r.in(source.Noise):
		return leaveOut
	case len(o.Kinds) == 0 && (r.Namespaced || len(o.Namespaces) == 0 || r.Name == "namespaces"):
		return request
	case r.in(world):
		return lookUp
	}
	return leaveOut
}
