package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/clients/dclient"
	"github.com/kyverno/kyverno/pkg/config"
	policyvalidation "github.com/kyverno/kyverno/pkg/validation/policy"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// acceptance answers whether one cluster would take a policy: what Kyverno's webhook for
// policies asks the cluster is answered from its world. Kinds that the world does not know
// are taken to exist. The rights of the background controller count when the world shows
// its binding; else policies are taken, and those that the release's own roles do not
// suffice for are remembered.
type acceptance struct {
	client     dclient.Interface
	background string                   // user name of the background controller
	installed  map[string]policy.Object // what the policy may be an update of
	asked      map[string]error         // answers by policy
	rights     authorizer.Authorizer    // the world's, or the release's
	shown      bool                     // the world's
	asking     question                 // what is being asked
	lacking    map[string]bool          // policies that were taken without the rights, which are not shown
	cleaner    string                   // user name of the cleanup controller
	cleans     bool                     // what it may do is shown
	unknown    map[string][]string      // by policy: the kinds it names that are not known
	complete   bool                     // all that the cluster serves is known
}

// question is what is being asked: about which policy, and as which controller.
type question struct {
	policy string // with its digest
	as     string // who Kyverno's own code takes itself for
	shown  bool   // what that controller may do is shown
}

const (
	controllers      = "system:serviceaccount:kyverno:kyverno-"
	backgroundSuffix = "background-controller"
	admissionSuffix  = "admission-controller"
	cleanupSuffix    = "cleanup-controller"
	reportsSuffix    = "reports-controller"
	// reporter lists what policies validate in the background. What it may not do is a warning.
	reporter = controllers + reportsSuffix
)

// acceptance returns the answers of w, made once.
func (c *Compiler) acceptance(w *capture.World) (*acceptance, error) {
	if a, ok := c.accepts[w]; ok {
		return a, nil
	}
	a := &acceptance{background: controllers + backgroundSuffix, installed: map[string]policy.Object{}, asked: map[string]error{}, lacking: map[string]bool{}, unknown: map[string][]string{}}
	if name := boundAccount(w, backgroundSuffix); name != "" {
		a.background, a.shown, a.rights = name, true, admission.NewAuthorizer(w)
	} else {
		rights, err := releaseRights(w)
		if err != nil {
			return nil, err
		}
		a.rights = rights
	}
	a.cleaner = controllers + cleanupSuffix
	if name := boundAccount(w, cleanupSuffix); name != "" {
		a.cleaner, a.cleans = name, true
	}
	a.complete = len(w.Objects(func(_, kind string) bool { return kind == capture.APIResourceList })) > 0
	for _, o := range InstalledPolicies(w).Objects {
		a.installed[o.Kind+" "+o.Namespace+"/"+o.Name] = o
	}
	kube := kubefake.NewSimpleClientset()
	kube.PrependReactor("create", "subjectaccessreviews", a.review)
	api := newServed(kube, w)
	nowhere := world{World: w}.definedNowhere
	if c.opt.EveryPolicy {
		nowhere = nil // suites show what they ask about, and not what a cluster serves
	}
	a.client = dclient.NewFakeClientWithDisco(nil, api, discovery{w.Resources, api.discovery, a.complete, a.misses, nowhere})
	c.accepts[w] = a
	return a, nil
}

// boundAccount is the user name of the service account that a captured ClusterRoleBinding
// binds to the role of a controller of Kyverno; empty when there is none.
func boundAccount(w *capture.World, controller string) string {
	bindings, _ := w.List(capture.GVR{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}, "")
	for _, o := range bindings {
		var b rbacv1.ClusterRoleBinding
		if json.Unmarshal(o.Object, &b) != nil || !strings.HasSuffix(b.RoleRef.Name, ":"+controller) || len(b.Subjects) == 0 {
			continue
		}
		if b.Labels["app.kubernetes.io/component"] == controller {
			return "system:serviceaccount:" + b.Subjects[0].Namespace + ":" + b.Subjects[0].Name
		}
	}
	return ""
}

// itself is who Kyverno takes itself for where its environment does not say.
var itself = "system:serviceaccount:" + config.KyvernoNamespace() + ":" + config.KyvernoServiceAccountName()

// admission is who it is in the cluster.
func (a *acceptance) admission() string {
	return strings.Replace(a.background, backgroundSuffix, admissionSuffix, 1)
}

// review answers a SubjectAccessReview.
func (a *acceptance) review(action clientgotesting.Action) (bool, runtime.Object, error) {
	review := action.(clientgotesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
	name, shown := review.Spec.User, a.shown
	switch name {
	case reporter:
		review.Status.Allowed = true
		return true, review, nil
	case itself:
		name, shown = a.asking.as, a.asking.shown
	}
	r := review.Spec.ResourceAttributes
	decision, reason, err := a.rights.Authorize(context.Background(), authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: name, Groups: review.Spec.Groups}, ResourceRequest: true,
		Verb: r.Verb, APIGroup: r.Group, APIVersion: r.Version, Resource: r.Resource, Subresource: r.Subresource, Namespace: r.Namespace, Name: r.Name,
	})
	review.Status.Allowed, review.Status.Reason = decision == authorizer.DecisionAllow, reason
	if !review.Status.Allowed && !shown {
		review.Status.Allowed, a.lacking[a.asking.policy] = true, true
	}
	return true, review, err
}

// accept returns Kyverno's reason for refusing the policy, or nil. The cluster is asked
// too, unless offline is set or the policy is installed there as it is. over are policies that
// are there in the place of those that are installed.
func (a *acceptance) accept(object policy.Object, p kyvernov1.PolicyInterface, over map[string]policy.Object, offline bool) error {
	name, key := keysOf(object)
	before, update := a.installed[name]
	if o, ok := over[name]; ok && o.Digest != object.Digest {
		before, update = o, true
	}
	once := key + " over " + before.Digest
	if err, ok := a.asked[once]; ok {
		return err
	}
	reports := reporter
	if update && before.Digest == object.Digest {
		offline, reports = true, "" // its structure is as a webhook took it, of whatever release
	}
	var old kyvernov1.PolicyInterface
	if update && !offline {
		var err error
		if before.JSON, err = release.defaulted(before); err == nil {
			old, err = typePolicy(before)
		}
		if err != nil {
			return fmt.Errorf("read the installed %s: %w", name, err)
		}
	}
	a.asking = question{key, a.admission(), a.shown}
	err := recovered(func() error {
		_, err := policyvalidation.Validate(p.CreateDeepCopy(), old, a.client, offline, a.background, reports)
		return err
	})
	if err != nil {
		err = errors.New(steady(strings.ReplaceAll(err.Error(), itself+" ", a.admission()+" ")))
	}
	a.asked[once] = err
	if err != nil {
		a.asked[key] = err
	}
	return err
}

// steady puts what Kyverno lists in the order of a map into the order of the alphabet.
func steady(reason string) string {
	before, rest, _ := strings.Cut(reason, "valid values: [")
	list, after, ok := strings.Cut(rest, "]")
	if !ok {
		return reason
	}
	values := strings.Fields(list)
	slices.Sort(values)
	return before + "valid values: [" + strings.Join(values, " ") + "]" + after
}

// keysOf are the name of a policy in its cluster, and that with its content.
func keysOf(o policy.Object) (name, content string) {
	name = o.Kind + " " + o.Namespace + "/" + o.Name
	return name, name + " " + o.Digest
}

func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("validation by Kyverno panicked: %v", p)
		}
	}()
	return f()
}
