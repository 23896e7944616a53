package kyverno

import (
	"context"
	"fmt"
	"net/http"
	"time"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"

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

// Compile compiles set for the cluster that w is the world of. The error is ours; what
// is wrong with a policy is in Rejected.
func (c *Compiler) Compile(ctx context.Context, set *policy.Set, w *capture.World) (*Program, error) {
	return c.CompileOver(ctx, set, w, nil)
}

// CompileOver compiles a set that takes the place of another, before, in the cluster: what
// both have is updated, which Kyverno may refuse: it stays as it was. Without before, what the
// capture shows as installed is.
func (c *Compiler) CompileOver(ctx context.Context, set *policy.Set, w *capture.World, before *Program) (*Program, error) {
	p, err := c.compile(ctx, set, w, before)
	if err != nil {
		return nil, err
	}
	stays := before.stays(p.Rejected)
	if len(stays) == 0 {
		return p, nil
	}
	after, err := c.compile(ctx, inPlace(set, stays), w, before)
	if err != nil {
		return nil, err
	}
	after.Rejected = p.Rejected
	after.Notes = append(after.Notes, staysNote(stays))
	return after, nil
}

func (c *Compiler) compile(ctx context.Context, set *policy.Set, w *capture.World, before *Program) (*Program, error) {
	p := &Program{brought: brought(set), roles: rolesOf(set)}
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
	c.compileClassics(p, set, takes, w.Resources, before.has())
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
	p.sort()
	p.taken = takenOf(given, p.Rejected)
	return p, nil
}
