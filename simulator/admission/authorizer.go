package admission

import (
	"context"
	"encoding/json"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"

	"github.com/seatrial/seatrial/simulator/capture"
)

const rbacGroup = "rbac.authorization.k8s.io"

// Authorizer answers who may do what as the API server's RBAC does: from the roles and
// bindings of a world, and those that every API server makes for itself. It is safe for
// concurrent use.
type Authorizer struct {
	authorizer.Authorizer
	// Complete tells whether the capture holds every role and binding.
	Complete bool
	subjects map[string]bool // service accounts that a captured binding names
}

// NewAuthorizer reads the roles and bindings of a world. Aggregated ClusterRoles have the
// rules of the roles that they select, also where no controller has filled them in.
func NewAuthorizer(w *capture.World) *Authorizer {
	g := grants{roles: map[string]*rbacv1.Role{}, clusterRoles: map[string]*rbacv1.ClusterRole{}, bindings: map[string][]*rbacv1.RoleBinding{}}
	g.clusterBindings, _ = Bindings()
	for _, r := range append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...) {
		g.clusterRoles[r.Name] = &r
	}
	a := &Authorizer{Complete: true, subjects: map[string]bool{}}
	g.read(w, a)
	g.aggregate()
	a.Authorizer = rbac.New(g, g, g, g)
	return a
}

// Names tells whether a captured binding names the service account.
func (a *Authorizer) Names(namespace, serviceAccount string) bool {
	return a.subjects[namespace+"/"+serviceAccount]
}

// grants are roles and bindings by name.
type grants struct {
	roles           map[string]*rbacv1.Role
	clusterRoles    map[string]*rbacv1.ClusterRole
	bindings        map[string][]*rbacv1.RoleBinding // by namespace
	clusterBindings []*rbacv1.ClusterRoleBinding
}

func (g *grants) read(w *capture.World, a *Authorizer) {
	for _, resource := range []struct {
		name string
		add  func(raw []byte)
	}{
		{"roles", decoded(func(r *rbacv1.Role) { g.roles[r.Namespace+"/"+r.Name] = r })},
		{"clusterroles", decoded(func(r *rbacv1.ClusterRole) { g.clusterRoles[r.Name] = r })},
		{"rolebindings", decoded(func(b *rbacv1.RoleBinding) {
			g.bindings[b.Namespace] = append(g.bindings[b.Namespace], b)
			a.name(b.Subjects)
		})},
		{"clusterrolebindings", decoded(func(b *rbacv1.ClusterRoleBinding) {
			g.clusterBindings = append(g.clusterBindings, b)
			a.name(b.Subjects)
		})},
	} {
		objects, all := w.List(capture.GVR{Group: rbacGroup, Version: "v1", Resource: resource.name}, "")
		a.Complete = a.Complete && all
		for _, o := range objects {
			resource.add(o.Object)
		}
	}
}

func (a *Authorizer) name(subjects []rbacv1.Subject) {
	for _, s := range subjects {
		if s.Kind == rbacv1.ServiceAccountKind {
			a.subjects[s.Namespace+"/"+s.Name] = true
		}
	}
}

// decoded adds what an API server can read; it has no others.
func decoded[T any](add func(*T)) func([]byte) {
	return func(raw []byte) {
		out := new(T)
		if json.Unmarshal(raw, out) == nil {
			add(out)
		}
	}
}

// aggregate gives the ClusterRoles with an aggregation rule the rules of those that they select.
func (g *grants) aggregate() {
	for name, rules := range Aggregated(g.clusterRoles) {
		with := *g.clusterRoles[name]
		with.Rules = rules
		g.clusterRoles[name] = &with
	}
}

// GetRole returns a Role.
func (g grants) GetRole(_ context.Context, namespace, name string) (*rbacv1.Role, error) {
	if r, ok := g.roles[namespace+"/"+name]; ok {
		return r, nil
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("role"), name)
}

// ListRoleBindings returns the bindings of a namespace.
func (g grants) ListRoleBindings(_ context.Context, namespace string) ([]*rbacv1.RoleBinding, error) {
	return g.bindings[namespace], nil
}

// GetClusterRole returns a ClusterRole.
func (g grants) GetClusterRole(_ context.Context, name string) (*rbacv1.ClusterRole, error) {
	if r, ok := g.clusterRoles[name]; ok {
		return r, nil
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("clusterrole"), name)
}

// ListClusterRoleBindings returns every ClusterRoleBinding.
func (g grants) ListClusterRoleBindings(context.Context) ([]*rbacv1.ClusterRoleBinding, error) {
	return g.clusterBindings, nil
}
