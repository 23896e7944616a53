package kyverno

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// classicSet is what classic policies take from their set.
type classicSet struct {
	exceptions []*kyvernov2.PolicyException
	entries    map[string]*kyvernov2beta1.GlobalContextEntry
	digest     string // of the entries
}

func isClassic(o policy.Object) bool {
	if !strings.HasPrefix(o.APIVersion, "kyverno.io/") {
		return false
	}
	return slices.Contains([]string{"ClusterPolicy", "Policy", "CleanupPolicy", "ClusterCleanupPolicy"}, o.Kind)
}

// classicSet collects the exceptions and global context entries of kyverno.io.
func (c *Compiler) classicSet(set *policy.Set, p *Program) classicSet {
	shared := classicSet{entries: map[string]*kyvernov2beta1.GlobalContextEntry{}}
	elsewhere := 0
	for _, object := range set.Objects {
		if strings.HasPrefix(object.APIVersion, "policies.kyverno.io/") && object.Kind == "PolicyException" && !c.honours(object.Namespace) {
			elsewhere++
		}
		if !strings.HasPrefix(object.APIVersion, "kyverno.io/") {
			continue
		}
		var target interface{ Validate() field.ErrorList }
		exception, entry := &kyvernov2.PolicyException{}, &kyvernov2beta1.GlobalContextEntry{}
		switch object.Kind {
		case "PolicyException":
			target = exception
		case "GlobalContextEntry":
			target = entry
		default:
			continue
		}
		err := c.decode(object, target)
		if err == nil {
			err = target.Validate().ToAggregate()
		}
		if err != nil {
			p.reject(object, err)
			continue
		}
		if object.Kind == "GlobalContextEntry" {
			shared.entries[entry.Name] = entry
			shared.digest += object.Digest
			continue
		}
		exception.Namespace = object.Namespace
		exception.SetResourceVersion(object.Digest)
		if !c.honours(exception.Namespace) {
			elsewhere++
			continue
		}
		shared.exceptions = append(shared.exceptions, exception)
	}
	if elsewhere > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d PolicyExceptions outside of namespace %s were not honoured, as asked", elsewhere, c.opt.ExceptionNamespace))
	}
	if len(shared.exceptions) > 0 && c.opt.ExceptionNamespace == "" {
		p.Notes = append(p.Notes, "PolicyExceptions were honoured in every namespace; a cluster does so only with --enablePolicyException=true and --exceptionNamespace='*'")
	}
	return shared
}

// honours tells whether exceptions of a namespace apply. Kyverno takes its flag for a name, with
// no patterns but "*".
func (c *Compiler) honours(namespace string) bool {
	ns := c.opt.ExceptionNamespace
	return ns == "" || ns == "*" || ns == namespace
}

// decode reads an object as the API server stores it, with the defaults of its definition.
func (c *Compiler) decode(object policy.Object, target any) error {
	content, err := release.defaulted(object)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, target); err != nil {
		return fmt.Errorf("decode %s: %w", object.Kind, err)
	}
	return nil
}

// compileClassics adds the policies of kyverno.io to a program, and asks what Kyverno and the
// API server say to them. before is what takes their place.
func (c *Compiler) compileClassics(p *Program, set *policy.Set, takes *acceptance, resources *capture.Resources, before map[string]policy.Object) {
	shared := c.classicSet(set, p)
	for _, object := range set.Objects {
		if !isClassic(object) {
			if !c.opt.EveryPolicy {
				takes.askResources(object, resources)
			}
			continue
		}
		made := c.compileClassic(object, shared)
		if err := c.refused(object, made, takes, before); err != nil {
			p.reject(object, err)
			continue
		}
		p.units = append(p.units, made.units...)
	}
}

// refused is why a cluster does not take a policy of kyverno.io; nil where it does.
func (c *Compiler) refused(object policy.Object, made *compiled, takes *acceptance, before map[string]policy.Object) error {
	err := made.err
	switch {
	case made.policy != nil:
		err = takes.accept(object, made.policy, before, c.opt.EveryPolicy)
	case made.cleanup != nil && !c.opt.EveryPolicy:
		err = takes.acceptCleanup(object, made.cleanup)
	}
	if err == nil && !c.opt.EveryPolicy {
		err = made.webhook
	}
	return err
}

// compileClassic compiles one policy, or remembers that it did.
func (c *Compiler) compileClassic(object policy.Object, shared classicSet) *compiled {
	key := object.Kind + " " + object.Namespace + " " + object.Digest + " " + shared.digest
	for _, e := range shared.exceptions {
		key += " " + e.ResourceVersion + "@" + e.Namespace
	}
	made, ok := c.classics[key]
	if !ok {
		made = c.newClassicUnits(object, shared)
		c.classics[key] = made
	}
	return made
}

func (c *Compiler) newClassicUnits(object policy.Object, shared classicSet) *compiled {
	// A cluster's policy has the defaults of its definition.
	content, err := release.defaulted(object)
	if err != nil {
		return &compiled{err: err}
	}
	object.JSON = content
	if strings.HasSuffix(object.Kind, "CleanupPolicy") {
		made, err := newCleanup(object, shared.entries)
		if err != nil {
			return &compiled{err: err}
		}
		return &compiled{units: []phased{{phaseSchedule, made}}, cleanup: made.policy}
	}
	made, err := newClassic(object, shared.exceptions, shared.entries)
	if err != nil {
		return &compiled{err: err}
	}
	generated, err := c.generatedOfClassic(made)
	if err != nil {
		return &compiled{err: err}
	}
	return &compiled{units: append(made.units(c.opt.EveryPolicy), generated...), policy: made.policy, webhook: made.registers()}
}

// units lists the phases that the policy has rules for.
func (c *classic) units(every bool) []phased {
	spec := c.policy.GetSpec()
	var units []phased
	if scan := newClassicScan(c); scan != nil {
		units = append(units, phased{phaseScan, scan})
	}
	if !spec.AdmissionProcessingEnabled() && !every {
		return units
	}
	if spec.HasMutateStandard() {
		units = append(units, phased{phaseMutate, classicMutate{c}})
	}
	if spec.HasVerifyImages() {
		units = append(units, phased{phaseVerify, newClassicVerify(c)})
	}
	if spec.HasValidate() {
		units = append(units, phased{phaseValidate, classicValidate{c}})
	}
	if m := newClassicManifests(c); m != nil {
		units = append(units, phased{phaseValidate, *m})
	}
	if spec.HasGenerate() || spec.HasMutateExisting() {
		units = append(units, phased{phaseBackground, classicBackground{c}})
	}
	return units
}
