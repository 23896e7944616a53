package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"github.com/kyverno/kyverno/pkg/cel/compiler"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// celSet is what the policies of one set share.
type celSet struct {
	exceptions    []celException
	entries       map[string]*kyvernov2beta1.GlobalContextEntry
	entriesDigest string
	bindings      []binding
	installed     map[string]policy.Object // in the cluster, by kind, namespace and name
	others        []policy.Object
}

type celException struct {
	typed   *policiesv1beta1.PolicyException // nil: it does not apply
	read    rewritten                        // its expressions
	written *policiesv1beta1.PolicyException // with its expressions as they are
	object  policy.Object
	digest  string
	err     error // why a cluster would reject it
}

// celCache holds what was compiled, by content: policies that are in several sets are
// compiled once. Units do not depend on a cluster; they look things up through the request.
type celCache struct {
	made       map[string]*compiled
	exceptions map[string]*celException
	types      *typeConverters
}

func newCELCache() *celCache {
	return &celCache{made: map[string]*compiled{}, exceptions: map[string]*celException{}, types: &typeConverters{}}
}

// celCompilers lists the kinds and what compiles them.
var celCompilers = map[string]func(*Compiler, *celPolicy, []byte) ([]phased, error){
	"ValidatingPolicy":                (*Compiler).newValidating,
	"NamespacedValidatingPolicy":      (*Compiler).newValidating,
	"MutatingPolicy":                  (*Compiler).newMutating,
	"NamespacedMutatingPolicy":        (*Compiler).newMutating,
	"GeneratingPolicy":                (*Compiler).newGenerating,
	"NamespacedGeneratingPolicy":      (*Compiler).newGenerating,
	"ImageValidatingPolicy":           (*Compiler).newImageValidating,
	"NamespacedImageValidatingPolicy": (*Compiler).newImageValidating,
	"DeletingPolicy":                  (*Compiler).newDeleting,
	"NamespacedDeletingPolicy":        (*Compiler).newDeleting,
}

// compileCEL compiles the CEL policies of a set, Kubernetes' own included. Policies that a
// cluster would reject, or never make ready, come back as problems with its reason. known is what
// the cluster serves, installed what it has of policies.
func (c *Compiler) compileCEL(ctx context.Context, set *policy.Set, known *capture.Resources, installed map[string]policy.Object) ([]phased, []policy.Problem, error) {
	shared, problems := c.celSet(set)
	shared.installed = installed
	var units []phased
	for _, object := range set.Objects {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		var made *compiled
		switch {
		case strings.HasPrefix(object.APIVersion, "policies.kyverno.io/") && celCompilers[object.Kind] != nil:
			made = c.compileOne(writtenOut(object, known), shared)
		case isAdmissionPolicy(object) && madeOf(object, set.Objects):
			continue // its policy makes it again
		case isAdmissionPolicy(object):
			made = c.compileAdmissionPolicy(object, shared)
		default:
			continue
		}
		if made.err != nil {
			problems = append(problems, problemOf(object, made.err))
			continue
		}
		units = append(units, made.units...)
	}
	return units, problems, nil
}

func problemOf(object policy.Object, err error) policy.Problem {
	var p Program
	p.reject(object, err)
	return p.Rejected[0]
}

// celSet collects what policies refer to.
func (c *Compiler) celSet(set *policy.Set) (celSet, []policy.Problem) {
	shared := celSet{entries: map[string]*kyvernov2beta1.GlobalContextEntry{}, others: set.Others}
	var problems []policy.Problem
	for _, object := range set.Objects {
		var err error
		switch group, _, _ := strings.Cut(object.APIVersion, "/"); {
		case group == "policies.kyverno.io" && object.Kind == "PolicyException":
			made := c.exception(object)
			if err = made.err; err == nil && made.typed != nil {
				shared.exceptions = append(shared.exceptions, *made)
			}
		case group == "admissionregistration.k8s.io" && strings.HasSuffix(object.Kind, "Binding"):
			err = shared.addBinding(object, c.opt.Lenient)
		case group == "kyverno.io" && object.Kind == "GlobalContextEntry":
			entry := &kyvernov2beta1.GlobalContextEntry{}
			if json.Unmarshal(object.JSON, entry) == nil { // the classic half says what is wrong with it
				shared.entries[object.Name] = entry
				shared.entriesDigest += object.Digest
			}
		}
		if err != nil {
			problems = append(problems, problemOf(object, err))
		}
	}
	return shared, problems
}

// exception reads an exception, or remembers that it did. One that has expired, or whose
// namespace is not honoured, does not apply.
func (c *Compiler) exception(object policy.Object) *celException {
	key := object.Digest + "@" + object.Namespace
	made, ok := c.cel.exceptions[key]
	if !ok {
		made = &celException{digest: key, object: object}
		made.err = c.readException(object, made)
		c.cel.exceptions[key] = made
	}
	return made
}

func (c *Compiler) readException(object policy.Object, into *celException) error {
	content, err := release.defaulted(object)
	if err != nil {
		return err
	}
	written := &policiesv1beta1.PolicyException{}
	if err := json.Unmarshal(content, written); err != nil {
		return fmt.Errorf("decode %s: %w", object.Kind, err)
	}
	faults := append(written.Validate(), compiler.CompilePolicyExceptionMatchConditions(written.Spec.MatchConditions, nil)...)
	if err := faults.ToAggregate(); err != nil {
		return err
	}
	if e := written.Spec.ExpiresAt; e != nil && !c.opt.Lenient && c.opt.At.After(e.Time) || !c.honours(object.Namespace) {
		return nil
	}
	changed, err := rewriter{c.opt.At}.policy(content)
	if err != nil {
		return err
	}
	typed := &policiesv1beta1.PolicyException{}
	if err := json.Unmarshal(changed.content, typed); err != nil {
		return fmt.Errorf("decode %s: %w", object.Kind, err)
	}
	typed.Namespace, written.Namespace = object.Namespace, object.Namespace
	into.typed, into.written, into.read = typed, written, changed
	return nil
}

// exceptionsFor returns the exceptions that name a policy by kind and name.
func (s celSet) exceptionsFor(object policy.Object) []celException {
	var found []celException
	for _, e := range s.exceptions {
		if slices.ContainsFunc(e.typed.Spec.PolicyRefs, func(r policiesv1beta1.PolicyRef) bool {
			return r.Kind == object.Kind && r.Name == object.Name
		}) {
			found = append(found, e)
		}
	}
	return found
}

// compileOne compiles one policy of policies.kyverno.io, or remembers that it did.
func (c *Compiler) compileOne(object policy.Object, shared celSet) *compiled {
	exceptions := shared.exceptionsFor(object)
	key := object.Kind + " " + object.Namespace + " " + object.Digest
	for _, e := range exceptions {
		key += " " + e.digest
	}
	late := shared.unnoticed(object, exceptions)
	for _, name := range late {
		key += " late " + name
	}
	if celContext.Match(object.JSON) {
		key += " " + shared.entriesDigest
	}
	made, ok := c.cel.made[key]
	if !ok {
		units, err := c.newCELUnits(object, shared, exceptions, late)
		made = &compiled{units: units, err: err}
		c.cel.made[key] = made
	}
	return made
}

func (c *Compiler) newCELUnits(object policy.Object, shared celSet, exceptions []celException, late []string) ([]phased, error) {
	content, err := release.defaulted(object)
	if err != nil {
		return nil, err
	}
	// A cluster's webhook takes policies for objects of the cluster only.
	if !c.opt.EveryPolicy || modeOf(object) == "" {
		if err := validateCEL(object, content); err != nil {
			return nil, err
		}
	} else if strings.HasSuffix(object.Kind, "ImageValidatingPolicy") {
		return nil, fmt.Errorf("spec.evaluation.mode %s is not judged: its images need a registry", modeOf(object))
	}
	changed, err := rewriter{c.opt.At}.policy(content)
	if err != nil {
		return nil, err
	}
	base := newCELPolicy(object, shared.entries)
	base.route = routeOf(base.name, content)
	conditions, err := base.writtenConditions(content)
	if err == nil && !c.opt.EveryPolicy {
		err = base.registers(content, conditions)
	}
	if err == nil {
		err = base.celConditions(conditions)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range exceptions {
		base.exceptions = append(base.exceptions, e.typed)
		changed.text, changed.decides = changed.text+e.read.text, changed.decides+e.read.decides
		changed.lookups = changed.lookups || e.read.lookups
		changed.whole, changed.entire = changed.whole || e.read.whole, changed.entire || e.read.entire
		changed.callsOut = changed.callsOut || e.read.callsOut
	}
	base.needs = changed.needs()
	base.needs.late = late
	base.needs.ordered = ordersMaps(changed.content)
	base.needs.lookups, base.needs.callsOut = changed.lookups, changed.callsOut
	made, always, err := c.generatedOfCEL(base, content, exceptions, shared.others)
	if always && made != nil || err != nil {
		return made, err
	}
	units, err := celCompilers[object.Kind](c, base, changed.content)
	return c.withScans(object, withGenerated(units, made)), err
}
