package kyverno

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/userinfo"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/answers"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

//go:embed defaults/kyverno-configmap.yaml
var defaultConfigMap []byte

// environment is what all requests of one cluster share.
type environment struct {
	at         time.Time // the clock of policies
	cfg        config.Configuration
	jp         *cachedJMESPath
	namespaces labels.Selector // of the webhooks; nil selects all
	labelled   bool            // namespaces reads labels that are not known of every namespace
	objects    labels.Selector
	everything bool                                      // judge what Kyverno's configuration would keep from it as well
	excludes   bool                                      // users, as the captured configuration says
	conditions struct{ fail, ignore *webhookConditions } // of the webhooks of policies that have none of their own
	latest     *bindings                                 // nil: none
	editions   *sync.Map                                 // of bindings that an audit log shows as changed: int to *bindings
	rolesKnown bool
	rights     *rights           // of Kyverno itself; nil: everything
	mocks      *Mocks            // nil: everything is as captured
	types      *typeConverters   // by which what is applied is merged
	answers    answers.Calls     // of services, as the user says
	registry   http.RoundTripper // answers in the place of image registries; nil: nothing does
}

type (
	roleBindings        []*rbacv1.RoleBinding
	clusterRoleBindings []*rbacv1.ClusterRoleBinding
)

// List makes the bindings a lister; selectors are not used by Kyverno here.
func (b roleBindings) List(labels.Selector) ([]*rbacv1.RoleBinding, error) { return b, nil }

// List makes the bindings a lister; selectors are not used by Kyverno here.
func (b clusterRoleBindings) List(labels.Selector) ([]*rbacv1.ClusterRoleBinding, error) {
	return b, nil
}

// configure loads Kyverno's ConfigMap: the cluster's own, or the release's defaults.
func (e *environment) configure(own *corev1.ConfigMap) error {
	e.excludes = own != nil && excludesUsers(own)
	if own == nil {
		own = &corev1.ConfigMap{}
		if err := yaml.UnmarshalStrict(defaultConfigMap, own); err != nil {
			return fmt.Errorf("read the default configuration of Kyverno: %w", err)
		}
	}
	cfg := config.NewDefaultConfiguration(e.everything)
	cfg.Load(own)
	e.cfg, e.jp = cfg, newJMESPath(cfg, e.at)
	webhook := cfg.GetWebhook()
	var err error
	if e.namespaces, err = optionalSelector(webhook.NamespaceSelector); err != nil {
		return fmt.Errorf("ConfigMap %s/%s: webhooks.namespaceSelector: %w", own.Namespace, own.Name, err)
	}
	e.labelled = selectsOtherLabels(webhook.NamespaceSelector)
	if !e.everything {
		e.conditions.fail, err = newWebhookConditions(cfg.GetMatchConditions(), true, "")
		if err == nil {
			e.conditions.ignore, err = newWebhookConditions(cfg.GetMatchConditions(), false, "")
		}
		if err != nil {
			return fmt.Errorf("ConfigMap %s/%s: matchConditions: %w", own.Namespace, own.Name, err)
		}
	}
	if e.objects, err = optionalSelector(webhook.ObjectSelector); err != nil {
		return fmt.Errorf("ConfigMap %s/%s: webhooks.objectSelector: %w", own.Namespace, own.Name, err)
	}
	return nil
}

// configuredBy is the environment of a program's side: Kyverno's own ConfigMap may come with the
// policies.
func (e *environment) configuredBy(p *Program) (*environment, error) {
	for _, o := range p.brought {
		var own corev1.ConfigMap
		if json.Unmarshal(o.Object, &own) != nil || own.Kind != "ConfigMap" || own.Namespace != "kyverno" || own.Name != "kyverno" {
			continue
		}
		configured := *e
		return &configured, configured.configure(&own)
	}
	return e, nil
}

func optionalSelector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return nil, nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// resolveRoles fills the roles of the request's user, as Kyverno's middleware does.
func (e *environment) resolveRoles(req *request) error {
	if e.mocks != nil {
		req.roles, req.clusterRoles = e.mocks.Roles, e.mocks.ClusterRoles
		return nil
	}
	if !req.userKnown() {
		return nil
	}
	var err error
	then := e.bound(req.look)
	req.rolesLost = then.lost
	req.roles, req.clusterRoles, err = userinfo.GetRoleRef(then.bindings, then.clusters, req.adm.UserInfo, req.adm.Namespace)
	return err
}

// outOfScope says why no webhook of Kyverno would judge the request; "" when one would.
// Two stages decide: the webhook configuration (API server) and Kyverno's own filters.
func (e *environment) outOfScope(req *request) string {
	if e.everything {
		return ""
	}
	if rules.IsExemptAdmissionConfigurationResource(req.routing()) {
		return "an API server calls no webhook about admission configuration"
	}
	if req.namespace != nil && req.kind.Kind != "Namespace" && e.namespaces != nil && !e.labelsOpen(req) && !e.namespaces.Matches(labels.Set(req.namespace.Labels)) {
		return "namespace " + req.namespace.Name + " is excluded by the webhooks' namespaceSelector"
	}
	if e.objects != nil && !e.selects(req) && !e.objectOpen(req) {
		return "the object is excluded by the webhooks' objectSelector"
	}
	u := req.adm.UserInfo
	if req.userKnown() && e.cfg.IsExcluded(u.Username, u.Groups, req.roles, req.clusterRoles) {
		return "user " + excludedUser(u.Username) + " is excluded by Kyverno's configuration"
	}
	if e.cfg.ToFilter(req.kind, req.adm.SubResource, req.adm.Namespace, req.adm.Name) {
		kind := req.kind.Kind
		if req.adm.SubResource != "" {
			kind += "/" + req.adm.SubResource
		}
		if req.adm.Namespace != "" && !e.cfg.ToFilter(req.kind, req.adm.SubResource, "seatrial-elsewhere", req.adm.Name) {
			return "namespace " + req.adm.Namespace + " is filtered by Kyverno's resourceFilters"
		}
		return kind + " is filtered by Kyverno's resourceFilters"
	}
	return ""
}

// labelsOpen tells that the webhooks' namespaceSelector asks for labels of a namespace that
// the capture does not hold.
func (e *environment) labelsOpen(req *request) bool {
	return e.labelled && !req.namespaceKnown && !e.everything
}

// selects tells whether the webhooks' objectSelector selects the object, or the old one.
func (e *environment) selects(req *request) bool {
	if e.objects.Empty() {
		return true
	}
	for _, raw := range [][]byte{req.adm.Object.Raw, req.adm.OldObject.Raw} {
		if len(raw) > 0 && e.objects.Matches(labels.Set(labelsOf(raw))) {
			return true
		}
	}
	return false
}

// objectOpen tells that it does not select what the capture holds, which is not all.
func (e *environment) objectOpen(req *request) bool {
	if e.everything || e.objects == nil {
		return false
	}
	lacks := req.asSent() || req.rec.Lacks(capture.MissingOldObject) || req.rec.Lacks(capture.MissingObject)
	return lacks && !e.selects(req)
}

// maybeOutside says what is not known that decides whether Kyverno sees the request.
func (e *environment) maybeOutside(req *request) []miss {
	switch {
	case e.labelsOpen(req):
		return []miss{{reason: "the labels of the namespace are not in the capture", resolve: resolveLabels}}
	case e.objectOpen(req) && req.asSent():
		return []miss{sentMiss}
	case e.objectOpen(req):
		return []miss{{reason: "the object before the update is not in the capture", resolve: resolveOld}}
	}
	return nil
}

func labelsOf(raw []byte) map[string]string {
	var object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(raw, &object) // an object that does not decode has no labels; the engine says why
	return object.Metadata.Labels
}

// scoped is an answer where it is not known whether Kyverno sees the request: what does
// nothing to it, does nothing either way.
func (r *request) scoped(u phased, got answer) answer {
	unknown := r.env.maybeOutside(r)
	if len(unknown) == 0 || isAPIServers(u.unit) {
		return got
	}
	does := got.refuses() || got.object != nil || len(got.generated) > 0
	out := answer{unpinned: got.unpinned}
	for _, v := range got.verdicts {
		if does || v.Outcome == verdict.Fail || v.Outcome == verdict.Error || v.Outcome == verdict.Warn {
			v.Message = ""
			v = undecided(v, unknown)
		}
		out.verdicts = append(out.verdicts, v)
	}
	return out
}

// excludedUser folds the many node users into one reason.
func excludedUser(name string) string {
	if strings.HasPrefix(name, "system:node:") {
		return "system:node:*"
	}
	return name
}

// refusedOtherwise says why a recorded request was refused by something else than an
// admission webhook or policy; "" when it was not. Such a request never took effect, so
// no policy can break it.
func refusedOtherwise(r *capture.Response) string {
	if r == nil || r.Code < 400 {
		return ""
	}
	byPolicy := []string{"admission webhook", "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"}
	if slices.ContainsFunc(byPolicy, func(s string) bool { return strings.Contains(r.Message, s) }) {
		return ""
	}
	reason := r.Reason
	if reason == "" {
		reason = "no reason"
	}
	return fmt.Sprintf("the API server refused it for another reason when it was recorded (%d %s)", r.Code, reason)
}
