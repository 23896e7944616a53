package kyverno

import (
	"sync"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/autogen"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// split is a policy cut as Kyverno's policy cache cuts it for one namespace: the rules
// whose failure blocks, and the rest. A part without rules is nil.
type split struct{ enforce, audit kyvernov1.PolicyInterface }

// splitter cuts one policy, once for all namespaces where no override asks for more.
type splitter struct {
	policy    kyvernov1.PolicyInterface
	overrides bool
	mu        sync.Mutex
	byLabels  map[string]split
}

func newSplitter(policy kyvernov1.PolicyInterface) *splitter {
	s := &splitter{policy: policy, byLabels: map[string]split{}}
	spec := policy.GetSpec()
	s.overrides = len(spec.ValidationFailureActionOverrides) > 0
	for i := range spec.Rules {
		if v := spec.Rules[i].Validation; v != nil && len(v.FailureActionOverrides) > 0 {
			s.overrides = true
		}
	}
	return s
}

// forNamespace returns the cut for a namespace; nil is a cluster-scoped request.
func (s *splitter) forNamespace(namespace *corev1.Namespace) split {
	key := ""
	if s.overrides && namespace != nil {
		key = namespace.Name + " " + labels.Set(namespace.Labels).String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cut, ok := s.byLabels[key]
	if !ok {
		cut = split{s.part(true, namespace), s.part(false, namespace)}
		s.byLabels[key] = cut
	}
	return cut
}

func (s *splitter) part(enforce bool, namespace *corev1.Namespace) kyvernov1.PolicyInterface {
	return withRules(s.policy, func(rule *kyvernov1.Rule) bool {
		return rule.HasValidate() && !rule.HasVerifyManifests() && effectiveAction(s.policy.GetSpec(), rule, namespace).Enforce() == enforce
	})
}

// effectiveAction is the action of a rule in a namespace: the first override that
// matches, of the rule or else of the policy; then the rule's action, then the policy's.
func effectiveAction(spec *kyvernov1.Spec, rule *kyvernov1.Rule, namespace *corev1.Namespace) kyvernov1.ValidationFailureAction {
	overrides := rule.Validation.FailureActionOverrides
	if len(overrides) == 0 {
		overrides = spec.ValidationFailureActionOverrides
	}
	for _, o := range overrides {
		if overrideMatches(o, namespace) {
			return o.Action
		}
	}
	if rule.Validation.FailureAction != nil {
		return *rule.Validation.FailureAction
	}
	return spec.ValidationFailureAction
}

func overrideMatches(o kyvernov1.ValidationFailureActionOverride, namespace *corev1.Namespace) bool {
	if len(o.Namespaces) == 0 && o.NamespaceSelector == nil {
		return true
	}
	if namespace == nil {
		return false
	}
	if wildcard.CheckPatterns(o.Namespaces, namespace.Name) {
		return true
	}
	if o.NamespaceSelector == nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(o.NamespaceSelector)
	return err == nil && selector.Matches(labels.Set(namespace.Labels))
}

// withRules returns a shallow copy of policy with the rules that keep accepts, or nil.
func withRules(policy kyvernov1.PolicyInterface, keep func(*kyvernov1.Rule) bool) kyvernov1.PolicyInterface {
	var rules []kyvernov1.Rule
	for i := range policy.GetSpec().Rules {
		if rule := &policy.GetSpec().Rules[i]; keep(rule) {
			rules = append(rules, *rule)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	part := shallowCopy(policy)
	part.GetSpec().SetRules(rules)
	return part
}

func shallowCopy(policy kyvernov1.PolicyInterface) kyvernov1.PolicyInterface {
	if p, ok := policy.(*kyvernov1.Policy); ok {
		c := *p
		return &c
	}
	c := *policy.(*kyvernov1.ClusterPolicy)
	return &c
}

// variants are readings of a policy for requests of which something is not known.
type variants struct {
	once   sync.Once
	policy kyvernov1.PolicyInterface
	split  *splitter
}

// anyNamespace reads the policy so that namespace selectors match everything and exclude
// nothing: what passes then, passes whatever the namespace's labels are.
func (v *variants) anyNamespace(policy kyvernov1.PolicyInterface) (kyvernov1.PolicyInterface, *splitter) {
	v.once.Do(func() {
		loose := policy.CreateDeepCopy()
		if len(autogen.Default.GetAutogenKinds(policy)) == 0 {
			// Dropping selectors must not make a policy eligible for autogen that was not.
			annotations := loose.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations["pod-policies.kyverno.io/autogen-controllers"] = "none"
			loose.SetAnnotations(annotations)
		}
		for i := range loose.GetSpec().Rules {
			loosen(&loose.GetSpec().Rules[i])
		}
		v.policy, v.split = loose, newSplitter(loose)
	})
	return v.policy, v.split
}

func loosen(rule *kyvernov1.Rule) {
	match := &rule.MatchResources
	for i := range match.Any {
		matchAnyNamespace(&match.Any[i].ResourceDescription)
	}
	for i := range match.All {
		matchAnyNamespace(&match.All[i].ResourceDescription)
	}
	matchAnyNamespace(&match.ResourceDescription)
	exclude := rule.ExcludeResources
	if exclude == nil {
		return
	}
	var kept kyvernov1.ResourceFilters
	for _, f := range exclude.Any {
		if !selectsOtherLabels(f.NamespaceSelector) {
			kept = append(kept, f)
		}
	}
	exclude.Any = kept
	for _, f := range exclude.All {
		if selectsOtherLabels(f.NamespaceSelector) {
			exclude.All = nil
			break
		}
	}
	if selectsOtherLabels(exclude.ResourceDescription.NamespaceSelector) || len(exclude.Any)+len(exclude.All) == 0 && exclude.ResourceDescription.IsEmpty() && exclude.UserInfo.IsEmpty() {
		rule.ExcludeResources = nil
	}
}

func matchAnyNamespace(block *kyvernov1.ResourceDescription) {
	if !selectsOtherLabels(block.NamespaceSelector) {
		return
	}
	block.NamespaceSelector = nil
	if block.IsEmpty() {
		block.Kinds = []string{"*"}
	}
}
