package kyverno

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/seatrial/seatrial/simulator/answers"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Version is the version of the Kyverno engine in this binary.
const Version = "v1.19.1"

// Options says how policies are to be read.
type Options struct {
	// At is the clock: exceptions that expired before it do not apply.
	At time.Time
	// ExceptionNamespace limits PolicyExceptions, of both API groups, to one namespace, as the
	// flag --exceptionNamespace of Kyverno does. "*" and "" honour all.
	ExceptionNamespace string
	// IgnoreConfiguration judges what resource filters, excluded users and the webhooks'
	// selectors would keep from Kyverno as well.
	IgnoreConfiguration bool
	// EveryPolicy judges what does not act on admission as well, as test suites do:
	// background policies, and admission policies that nothing binds.
	EveryPolicy bool
	// Lenient takes admission policies that an API server would refuse for leaving out what
	// it requires, and exceptions that have expired, as Kyverno's command line does.
	Lenient bool
	// Answers are what services answer to the calls of policies, where the user says it.
	Answers answers.Calls
	// Registry answers in the place of image registries, and not the capture: a recorder
	// asks the real ones. nil takes what the capture holds.
	Registry http.RoundTripper
}

// Compiler compiles policy sets. What two sets have in common is compiled once.
// It is not safe for concurrent use; what it makes is.
type Compiler struct {
	opt      Options
	classics map[string]*compiled
	accepts  map[*capture.World]*acceptance
	cel      *celCache
}

// compiled is the outcome of compiling one object: units, or the reason for refusing it.
type compiled struct {
	units   []phased
	policy  kyvernov1.PolicyInterface        // nil: of a kind that Kyverno's webhook for policies does not see
	cleanup kyvernov2.CleanupPolicyInterface // nil: the cleanup controller's webhook does not see it
	webhook error                            // why the API server does not take the webhook that Kyverno makes of it
	err     error
}

// NewCompiler returns an empty compiler.
func NewCompiler(opt Options) *Compiler {
	silence()
	return &Compiler{opt: opt, classics: map[string]*compiled{}, accepts: map[*capture.World]*acceptance{}, cel: newCELCache()}
}

// Program is one policy set, compiled.
type Program struct {
	units    []phased
	scans    []phased
	brought  []*capture.WorldObject
	grants   bool                     // the set holds roles
	taken    map[string]policy.Object // what a cluster has of the set, by kind, namespace and name
	Rejected []policy.Problem         // policies that Kyverno would reject, in file order
	Notes    []string                 // what a reader of the answer should know
}

// classicSet is what classic policies take from their set.
type classicSet struct {
	exceptions []*kyvernov2.PolicyException
	entries    map[string]*kyvernov2beta1.GlobalContextEntry
	digest     string // of the entries
}

// Compile compiles set for the cluster that w is the world of. The error is ours; what
// is wrong with a policy is in Rejected.
func (c *Compiler) Compile(ctx context.Context, set *policy.Set, w *capture.World) (*Program, error) {
	return c.CompileOver(ctx, set, w, nil)
}

// CompileOver compiles a set that takes the place of another, before, in the cluster: what
// both have is updated, which Kyverno may refuse. Without before, what the capture shows as
// installed is.
func (c *Compiler) CompileOver(ctx context.Context, set *policy.Set, w *capture.World, before *Program) (*Program, error) {
	p := &Program{brought: brought(set), grants: grantsRoles(set)}
	given := set
	w, err := accompanied(w, set)
	if err != nil {
		return nil, fmt.Errorf("add what comes with the policies to the world: %w", err)
	}
	takes, err := c.acceptance(w)
	if err != nil {
		return nil, err
	}
	if !c.opt.EveryPolicy {
		set = p.served(set, w)
	}
	shared := c.classicSet(set, p)
	for _, object := range set.Objects {
		if !isClassic(object) {
			if !c.opt.EveryPolicy {
				takes.askResources(object, w.Resources)
			}
			continue
		}
		made := c.compileClassic(object, shared)
		err := made.err
		switch {
		case made.policy != nil:
			err = takes.accept(object, made.policy, before.has(), c.opt.EveryPolicy)
		case made.cleanup != nil && !c.opt.EveryPolicy:
			err = takes.acceptCleanup(object, made.cleanup)
		}
		if err == nil && !c.opt.EveryPolicy {
			err = made.webhook
		}
		if err != nil {
			p.reject(object, err)
			continue
		}
		p.units = append(p.units, made.units...)
	}
	for _, note := range []string{takes.note(set), takes.misnamed(set), failsOpen(set), unnoticedIn(set)} {
		if note != "" {
			p.Notes = append(p.Notes, note)
		}
	}
	units, problems, err := c.compileCEL(ctx, set, w.Resources, takes.installed)
	if err != nil {
		return nil, err
	}
	p.units = append(p.units, units...)
	p.Rejected = append(p.Rejected, problems...)
	if !c.opt.EveryPolicy {
		p.rejectTwins(set)
	}
	slices.SortStableFunc(p.units, func(a, b phased) int {
		if a.phase != b.phase {
			return int(a.phase) - int(b.phase)
		}
		return a.unit.ref().Compare(b.unit.ref())
	})
	if at := slices.IndexFunc(p.units, func(u phased) bool { return u.phase == phaseScan }); at >= 0 {
		p.units, p.scans = p.units[:at:at], p.units[at:]
	}
	slices.SortStableFunc(p.Rejected, func(a, b policy.Problem) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	p.taken = takenOf(given, p.Rejected)
	return p, nil
}

func (p *Program) reject(object policy.Object, err error) {
	p.Rejected = append(p.Rejected, policy.Problem{File: object.File, Line: object.Line, Policy: titleOf(object), Reason: err.Error()})
}

func titleOf(object policy.Object) string {
	return object.Kind + "/" + strings.TrimPrefix(object.Namespace+"/"+object.Name, "/")
}

// has is what a cluster took of the program's set; nothing of none.
func (p *Program) has() map[string]policy.Object {
	if p == nil {
		return nil
	}
	return p.taken
}

// takenOf are the policies of a set that are not among those that are rejected.
func takenOf(set *policy.Set, rejected []policy.Problem) map[string]policy.Object {
	refused := map[string]bool{}
	for _, r := range rejected {
		refused[r.Policy] = true
	}
	taken := map[string]policy.Object{}
	for _, o := range set.Objects {
		if name, _ := keysOf(o); !refused[titleOf(o)] {
			taken[name] = o
		}
	}
	return taken
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
