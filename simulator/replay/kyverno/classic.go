package kyverno

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/engine"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	imageverifycache "github.com/kyverno/kyverno/pkg/image/verification/cache"
	policyvalidation "github.com/kyverno/kyverno/pkg/validation/policy"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// classic is a ClusterPolicy or Policy, compiled. Its units (one for each phase that the
// policy has rules for) share it.
type classic struct {
	name       verdict.PolicyRef
	policy     kyvernov1.PolicyInterface
	exceptions []*kyvernov2.PolicyException
	entries    map[string]*kyvernov2beta1.GlobalContextEntry
	conditions *webhookConditions // of its own webhook
	needs      needs
	kinds      kindIndex
	mutated    kindIndex // by the rules that mutate
	written    *splitter // the policy as written
	cache      *variants // the policy as it must be read when something is unknown
	read       func() *policyReads
}

// newClassic types a policy that the schema check has accepted.
func newClassic(object policy.Object, exceptions []*kyvernov2.PolicyException, entries map[string]*kyvernov2beta1.GlobalContextEntry) (*classic, error) {
	typed, err := typePolicy(object)
	if err != nil {
		return nil, err
	}
	c := &classic{
		name:    verdict.PolicyRef{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name},
		policy:  typed,
		entries: entries,
		needs:   needsOf(typed),
	}
	key := typed.GetName()
	if typed.IsNamespaced() {
		key = typed.GetNamespace() + "/" + key
	}
	for _, e := range exceptions {
		if slices.ContainsFunc(e.Spec.Exceptions, func(x kyvernov2.Exception) bool { return x.PolicyName == key }) {
			c.exceptions = append(c.exceptions, e)
		}
	}
	c.needs.addExceptions(c.exceptions)
	c.read = sync.OnceValue(func() *policyReads { return readByPolicy(typed, c.exceptions) })
	if c.conditions, err = newWebhookConditions(typed.GetSpec().GetMatchConditions(), c.failClosed(), key); err != nil {
		if refusal := policyvalidation.ValidateCustomWebhookMatchConditions(typed.GetSpec().GetMatchConditions()); refusal != nil {
			err = refusal // in Kyverno's words
		}
		return nil, err
	}
	c.kinds = newKindIndex(typed, func(*kyvernov1.Rule) bool { return true })
	c.mutated = newKindIndex(typed, (*kyvernov1.Rule).HasMutate)
	c.written = newSplitter(typed)
	c.cache = &variants{}
	return c, nil
}

func typePolicy(object policy.Object) (kyvernov1.PolicyInterface, error) {
	var typed kyvernov1.PolicyInterface = &kyvernov1.ClusterPolicy{}
	if object.Kind == "Policy" {
		typed = &kyvernov1.Policy{}
	}
	if err := json.Unmarshal(object.JSON, typed); err != nil {
		return nil, err // in Kyverno's own words
	}
	if object.Kind == "Policy" && typed.GetNamespace() == "" {
		typed.SetNamespace(object.Namespace)
	}
	typed.SetResourceVersion(compiledMark)
	return typed, nil
}

func (c *classic) ref() verdict.PolicyRef { return c.name }

// failClosed tells whether an error of this policy denies.
func (c *classic) failClosed() bool {
	return c.policy.GetSpec().GetFailurePolicy(context.Background()) == kyvernov1.Fail
}

// silentOn tells that the policy says nothing of a request whatever its body is.
func (c *classic) silentOn(req *request) bool {
	return req.adm.Operation == admissionv1.Delete && !c.kinds.onDelete
}

// sees is the cheap test before the engine: may any rule match the request at all?
func (c *classic) sees(req *request) bool {
	if c.policy.IsNamespaced() && c.policy.GetNamespace() != req.adm.Namespace {
		return false
	}
	if req.nobody && req.adm.SubResource == "" && c.kinds.below(req.kind) {
		return true // a scan asks every policy about what is watched for any of them
	}
	return c.kinds.sees(req.kind, req.adm.SubResource, string(req.adm.Operation))
}

// minds tells whether a rule names the request's subresource, of whichever kind.
func (c *classic) minds(req *request) bool {
	return slices.ContainsFunc(c.kinds.kinds, func(s kindSelector) bool {
		return s.sub != "" && wildcard.Match(s.sub, req.adm.SubResource) && wildcard.Match(s.group, req.adm.Resource.Group)
	})
}

// engineFor makes Kyverno's engine for this policy and request. It is a handful of pointers.
func (c *classic) engineFor(req *request) engineapi.Engine {
	return c.engineWith(req, images{req: req})
}

// engineWith makes it with a registry.
func (c *classic) engineWith(req *request, from images) engineapi.Engine {
	return engine.NewEngine(req.env.cfg, req.env.jp, client{req: req}, from,
		imageverifycache.DisabledImageVerifyCache(), contextLoaders(req, c.entries, req.env.jp), exceptionList(c.exceptions), nil)
}

// exceptionList is the exceptions that name one policy.
type exceptionList []*kyvernov2.PolicyException

// Find is Kyverno's selector: exceptions whose policy and rule match.
func (l exceptionList) Find(policyName, ruleName string) ([]*kyvernov2.PolicyException, error) {
	var found []*kyvernov2.PolicyException
	for _, e := range l {
		if e.Contains(policyName, ruleName) {
			found = append(found, e)
		}
	}
	return found, nil
}

// verdicts maps one engine response. Rules that did not match have no rule response.
func (c *classic) verdicts(er engineapi.EngineResponse, kind verdict.RuleType, action verdict.Action) []verdict.Verdict {
	out := make([]verdict.Verdict, 0, len(er.PolicyResponse.Rules))
	for i := range er.PolicyResponse.Rules {
		rule := &er.PolicyResponse.Rules[i]
		out = append(out, verdict.Verdict{
			Policy: c.name, Rule: rule.Name(), Type: kind, Action: action,
			Outcome: outcomeOf(rule.Status()), Message: inOrder(rule),
			Exceptions: exceptionNames(rule),
		})
	}
	return out
}

func outcomeOf(status engineapi.RuleStatus) verdict.Outcome {
	switch status {
	case engineapi.RuleStatusPass:
		return verdict.Pass
	case engineapi.RuleStatusFail:
		return verdict.Fail
	case engineapi.RuleStatusWarn:
		return verdict.Warn
	case engineapi.RuleStatusSkip:
		return verdict.Skip
	}
	return verdict.Error
}

func exceptionNames(rule *engineapi.RuleResponse) []string {
	var names []string
	for _, e := range rule.Exceptions() {
		names = append(names, strings.TrimPrefix(e.GetNamespace()+"/"+e.GetName(), "/"))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// kindIndex answers whether a policy's rules, autogenerated ones included, name a kind.
// Excluded kinds are left to the engine.
type kindIndex struct {
	any bool // a rule names no kind, or a wildcard: ask the engine
	// onDelete: some rule may say something of a deletion.
	onDelete bool
	kinds    []kindSelector
}

type kindSelector struct {
	group, version, kind, sub string
	operations                []string // empty: all
}

func (k kindIndex) sees(gvk schema.GroupVersionKind, sub, operation string) bool {
	return k.any || k.names(gvk, sub, operation)
}

// names tells whether a rule names the kind; an empty operation is any.
func (k kindIndex) names(gvk schema.GroupVersionKind, sub, operation string) bool {
	for _, s := range k.kinds {
		if !s.isOf(gvk) {
			continue
		}
		ephemeral := gvk.Kind == "Pod" && sub == "ephemeralcontainers" && s.sub == ""
		if (s.takes(sub) || ephemeral) && (len(s.operations) == 0 || operation == "" || slices.Contains(s.operations, operation)) {
			return true
		}
	}
	return false
}

// below tells whether a rule names subresources of the kind by a wildcard.
func (k kindIndex) below(gvk schema.GroupVersionKind) bool {
	return slices.ContainsFunc(k.kinds, func(s kindSelector) bool { return s.isOf(gvk) && wildcard.Match(s.sub, "") })
}

// unversioned tells whether rules name a subresource of the kind, and none of them with its version.
func (k kindIndex) unversioned(gvk schema.GroupVersionKind, sub string) bool {
	open := false
	for _, s := range k.kinds {
		if sub == "" || s.kind == "*" || !s.isOf(gvk) || !s.takes(sub) {
			continue
		}
		if !wildcard.ContainsWildcard(s.version) {
			return false
		}
		open = true
	}
	return open
}

func (s kindSelector) isOf(gvk schema.GroupVersionKind) bool {
	return wildcard.Match(s.kind, gvk.Kind) && wildcard.Match(s.group, gvk.Group) && wildcard.Match(s.version, gvk.Version)
}

// takes tells whether the policy is called for a subresource, or for the resource itself.
// Kyverno's webhook and policy cache find subresources alone by Pod/*, and both by */*.
func (s kindSelector) takes(sub string) bool {
	both := s.sub == "" || s.kind == "*" && s.sub == "*"
	return wildcard.Match(s.sub, sub) && (sub != "" || both)
}
