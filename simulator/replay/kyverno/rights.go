package kyverno

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// rights answer what Kyverno's controllers may do in a cluster: what policies look up they read
// by their own accounts. It is safe for concurrent use.
type rights struct {
	accounts  map[string]account    // by controller
	users     *admission.Authorizer // of everybody
	resources *capture.Resources
	ruled     sync.Map // asked to ruling
}

// account is a controller in its cluster. Where the capture does not show it, it has the
// release's roles; what these do not allow is not known: who needs more has granted more.
type account struct {
	name   string
	shown  bool
	roles  *admission.Authorizer
	proven bool // what it may not do is known
}

// asks is the account's question whether it may do something.
func (a account) asks(verb string, resource schema.GroupVersionResource, namespace, name string) asked {
	q := asked{roles: a.roles, user: a.name, groups: strings.Join(accountGroups(a.name), ","), verb: verb, resource: resource, namespace: namespace, name: name}
	q.resource.Resource, q.sub, _ = strings.Cut(resource.Resource, "/")
	return q
}

// asked is a question to an authorizer.
type asked struct {
	roles           *admission.Authorizer
	user, groups    string
	verb, sub       string
	resource        schema.GroupVersionResource
	namespace, name string
}

type ruling struct {
	allowed bool
	reason  string
}

// rightsOf reads the roles of w.
func rightsOf(w *capture.World) (*rights, error) {
	own := admission.NewAuthorizer(w)
	r := &rights{accounts: map[string]account{}, users: own, resources: w.Resources}
	var assumed *admission.Authorizer
	for _, controller := range []string{admissionSuffix, backgroundSuffix, cleanupSuffix, reportsSuffix} {
		if name := boundAccount(w, controller); name != "" {
			r.accounts[controller] = account{name: name, shown: true, roles: own, proven: own.Complete}
			continue
		}
		if assumed == nil {
			var err error
			if assumed, err = releaseRights(w); err != nil {
				return nil, err
			}
		}
		r.accounts[controller] = account{name: controllers + controller, roles: assumed}
	}
	return r, nil
}

// rights are what Kyverno may do where the request is judged.
func (r *request) rights() *rights {
	if w, ok := r.look.(world); ok && w.rights != nil {
		return w.rights
	}
	return r.env.rights
}

// rule asks once, and remembers.
func (r *rights) rule(q asked) (authorizer.AttributesRecord, ruling) {
	who := &user.DefaultInfo{Name: q.user}
	if q.groups != "" {
		who.Groups = strings.Split(q.groups, ",")
	}
	attributes := authorizer.AttributesRecord{
		User: who, Verb: q.verb, ResourceRequest: true,
		APIGroup: q.resource.Group, APIVersion: q.resource.Version, Resource: q.resource.Resource, Subresource: q.sub,
		Namespace: q.namespace, Name: q.name,
	}
	if known, ok := r.ruled.Load(q); ok {
		return attributes, known.(ruling)
	}
	decision, reason, _ := q.roles.Authorize(context.Background(), attributes)
	made := ruling{decision == authorizer.DecisionAllow, reason}
	r.ruled.Store(q, made)
	return attributes, made
}

// may tells whether the controller that evaluates the policy may do what it asks for. Otherwise
// the error is the API server's, or it is not known.
func (c client) may(verb string, resource schema.GroupVersionResource, namespace, name string) error {
	r := c.req.rights()
	if r == nil || c.clones || c.req.env.mocks != nil {
		return nil
	}
	controller := cmp.Or(c.req.asker, admissionSuffix)
	who := r.accounts[controller]
	q := who.asks(verb, resource, namespace, name)
	if q.resource.Group == "" && q.resource.Resource == "namespaces" && name != "" {
		q.namespace = name // as the API server reads the path
	}
	attributes, ruled := r.rule(q)
	switch {
	case ruled.allowed:
		return nil
	case !who.proven:
		return c.unknown("whether Kyverno's "+controller+" may "+verb+" "+resource.Resource, rightsResolve)
	}
	return responsewriters.ForbiddenStatusError(attributes, ruled.reason)
}

const rightsResolve = "capture the cluster's roles and their bindings too, Kyverno's among them; the release's own do not let it"
