package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// The parts of an answer that Compare compares.
const (
	partPolicy   = "policy" // whether it is accepted at all
	partDecision = "decision"
	partMessage  = "message"  // of a denial
	partObject   = "object"   // what policies change in an admitted object
	partWarnings = "warnings" // with every policy in Warn: which rules fail, and what they say
)

var parts = []string{partPolicy, partDecision, partMessage, partObject, partWarnings}

// CompareStages are the stages of a scenario for [Compare]. For each candidate, in turn: its
// policies as written, whose decisions, messages and changes are compared; then each of
// them warning, so that every rule that fails is heard; then they are removed. Without
// candidates it is the plan's.
func CompareStages(candidates ...string) []scenarios.Stage {
	if len(candidates) == 0 {
		candidates = []string{""}
	}
	var out []scenarios.Stage
	for _, c := range candidates {
		at := strings.TrimPrefix(path.Base(c)+": ", ".: ")
		out = append(out,
			scenarios.Stage{Name: at + "as written", Candidate: c, Mode: scenarios.AsWritten},
			scenarios.Stage{Name: at + "warn", Candidate: c, Mode: string(policy.Warn)},
			scenarios.Stage{Name: at + "removed", Candidate: c, Mode: scenarios.Removed})
	}
	return out
}

// comparison is one in progress.
type comparison struct {
	*rehearsal
	mu       sync.Mutex // guards what follows
	sets     []*compared
	compiler *kyverno.Compiler
	inForce  map[*live]map[string]policy.Object // by the policies' titles
}

// compared is what is known of one candidate.
type compared struct {
	out           *timeline.Comparison
	gone, unknown *tally
	busy          time.Duration // of its clusters, added up
}

// of is the candidate of a stage.
func (c *comparison) of(s *Stage) *compared { return c.sets[s.Index/len(CompareStages())] }

// Compare sends the requests of a plan made with [CompareStages] to clusters that it starts
// and removes again, opt.Parallel at a time, and sets every answer beside the replay's. It
// returns a comparison for each candidate, as far as it came.
func Compare(ctx context.Context, plan *Plan, opt Options) ([]*timeline.Comparison, error) {
	r := &rehearsal{Options: opt, plan: plan, start: time.Now(), line: &timeline.Timeline{}}
	c := &comparison{rehearsal: r, compiler: kyverno.NewCompiler(opt.Engine), inForce: map[*live]map[string]policy.Object{}}
	r.again = c.again
	for i := 0; i < len(plan.Stages); i += len(CompareStages()) {
		set := &compared{gone: newTally(), unknown: newTally(), out: &timeline.Comparison{Policies: plan.Stages[i].Candidate, Provider: opt.Provider.Kind()}}
		for _, name := range parts {
			set.out.Parts = append(set.out.Parts, timeline.Part{Name: name})
		}
		c.sets = append(c.sets, set)
	}
	err := c.run(ctx)
	for _, m := range r.members {
		if m.dead != "" && err == nil {
			err = fmt.Errorf("cluster %s: %s", m.Name, m.dead)
		}
	}
	var out []*timeline.Comparison
	for _, set := range c.sets {
		set.out.Took, set.out.Clusters = set.busy/time.Duration(max(min(opt.Parallel, len(r.members)), 1)), r.line.Clusters
		set.out.Unjudged, set.out.Unknown = set.gone.list(), set.unknown.list()
		set.out.Interrupted = ctx.Err() != nil
		slices.SortStableFunc(set.out.Misses, func(a, b timeline.Discrepancy) int {
			return cmp.Or(cmp.Compare(r.memberIndex(a.Cluster), r.memberIndex(b.Cluster)), cmp.Compare(a.Record, b.Record), cmp.Compare(slices.Index(parts, a.Part), slices.Index(parts, b.Part)))
		})
		for _, m := range r.members {
			if m.dead != "" {
				set.out.Lost = append(set.out.Lost, timeline.Loss{Cluster: m.Name, Error: m.dead})
			}
		}
		out = append(out, set.out)
	}
	return out, err
}

// run lets every cluster live its life, a few at a time: a cluster that only waits for its
// turn takes as much of a small machine as one that answers.
func (c *comparison) run(ctx context.Context) (err error) {
	c.predicted, c.standing = map[*Member]*prediction{}, map[*Member]standing{}
	if err := c.plan.expand(); err != nil {
		return err
	}
	for _, m := range c.plan.Members {
		m.Records = traffic.Sample(m.All, c.plan.Scenario.Traffic.Requests, c.plan.Scenario.Seed)
		c.predicted[m] = newPrediction()
		if c.standing[m], err = c.stand(m); err != nil {
			return err
		}
		c.members = append(c.members, &live{Member: m})
	}
	c.line.Clusters = make([]timeline.Cluster, len(c.members))
	defer func() { err = errors.Join(err, c.down(ctx)) }()
	var group errgroup.Group
	group.SetLimit(max(c.Parallel, 1))
	longest := slices.Clone(c.members) // so that no long one comes last
	slices.SortStableFunc(longest, func(a, b *live) int { return len(b.Records) - len(a.Records) })
	for _, l := range longest {
		group.Go(func() error {
			if err := c.life(ctx, l); err != nil && ctx.Err() == nil {
				l.dead = firstLine(err.Error())
				c.step(time.Now(), l.Name, "cluster lost", l.dead)
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// life is a cluster from its start to its end.
func (c *comparison) life(ctx context.Context, l *live) error {
	at := slices.Index(c.members, l)
	c.line.Clusters[at] = timeline.Cluster{Name: l.Name, Labels: l.Labels}
	started, err := fleet.Up(ctx, c.Provider, Specs(c.plan.clusters()[at:at+1]), 1, nil)
	if err != nil {
		return err
	}
	if err := c.join(at, started[0]); err != nil {
		return err
	}
	c.step(time.Now().Add(-started[0].Took), l.Name, "cluster ready", "")
	l.sender.Keep = true
	if !l.wasThere() {
		if err := c.world(ctx, l); err != nil {
			return err
		}
		if err := c.statuses(ctx, l); err != nil {
			return err
		}
	}
	if err := c.rights(ctx, l); err != nil {
		return err
	}
	c.predicted[l.Member].add(l.Sets[0], l.Records, unhindered(len(l.Records)))
	for _, s := range c.plan.Stages {
		start := time.Now()
		if err := c.member(ctx, s, l); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		c.mu.Lock()
		c.of(s).busy += time.Since(start)
		c.mu.Unlock()
	}
	return c.Provider.Delete(ctx, l.Name)
}

// stand fixes what a cluster holds, for both sides.
func (c *comparison) stand(m *Member) (standing, error) {
	stands, err := stand(m.World, m.All, m.Sets, slices.Contains(m.Components, string(cluster.ControllerManager)), nil)
	if err != nil {
		return nil, err
	}
	stands.whole(m.All)
	m.World, err = stands.world(m.World)
	return stands, err
}

// record compares one request's answers.
func (c *comparison) record(set *compared, l *live, i int, j verdict.Judgement, a traffic.Answer, warn bool) {
	rec := l.Records[i]
	a = named(rec, a)
	turned := turns(l.before, i, a)
	part := partDecision
	if warn {
		part = partWarnings // whatever keeps them from being heard
	}
	if turned && a.Kind == traffic.Unjudged {
		a.Kind = traffic.Denied // by whom ever: it was admitted without the policies
	}
	switch {
	case turned && j.Decision == verdict.OutOfScope:
		c.miss(set, l, rec, partDecision, string(j.Decision)+": "+j.Reason, string(a.Kind)+": "+a.Message)
		return
	case a.Kind == traffic.Unjudged && unasked(a):
		if !warn {
			c.compare(set, l, rec, partDecision, differentRefusal(j, a))
		}
		return
	case a.Kind != traffic.Admitted && a.Kind != traffic.Denied:
		c.unjudged(set, l, rec, part, a)
		return
	case j.Decision == verdict.DecisionUndecided || j.Decision == verdict.DecisionError:
		c.undecided(set, l, rec, &set.part(part).Undecided, cmp.Or(j.Reason, string(j.Decision)))
		return
	}
	admitted := j.Decision != verdict.Denied
	if admitted != (a.Kind == traffic.Admitted) {
		if len(j.Unordered) > 0 {
			c.undecided(set, l, rec, &set.part(part).Undecided, drawnOrder)
			return
		}
		c.miss(set, l, rec, partDecision, string(j.Decision)+": "+decisive(j), string(a.Kind)+": "+a.Message)
		return
	}
	if !warn {
		c.agree(set, rec, partDecision)
	}
	c.beside(set, l, i, j, a, warn)
}

// beside compares what an answer holds beside the decision, on which both sides agree. What
// undecided rules add to it is not known.
func (c *comparison) beside(set *compared, l *live, i int, j verdict.Judgement, a traffic.Answer, warn bool) {
	rec, admitted, undecided := l.Records[i], j.Decision != verdict.Denied, open(j)
	reason, changes := changing(undecided)
	switch shown := len(l.before[i].Object) > 0 && len(a.Object) > 0 && rec.Operation != capture.Delete; {
	case warn && admitted:
		if len(undecided) > 0 {
			c.undecided(set, l, rec, &set.part(partWarnings).Partly, undecided[0].Reason)
		}
		c.compare(set, l, rec, partWarnings, differentWarnings(j, a))
	case warn:
	case !admitted && len(undecided) > 0:
		c.undecided(set, l, rec, &set.part(partMessage).Undecided, undecided[0].Reason)
	case !admitted:
		c.message(set, l, rec, j, a)
	case !shown:
	case changes:
		c.undecided(set, l, rec, &set.part(partObject).Undecided, reason)
	case len(j.Unordered) > 0: // the object is that of an order
		c.undecided(set, l, rec, &set.part(partObject).Undecided, drawnOrder)
	default:
		as := c.standing[l.Member].sent(rec)
		sent, err := admission.Prepare(l.World, as) // what the patch applies to
		if err != nil {
			sent = rec.Object
		}
		stored := func(object json.RawMessage) json.RawMessage {
			if made, err := admission.Stored(l.World, as, object); err == nil {
				return admission.Returned(l.World, as, made)
			}
			return object
		}
		c.compare(set, l, rec, partObject, differentObject(sent, j.Patch, named(rec, l.before[i]).Object, named(rec, a).Object, stored))
	}
}

// message compares what the user is told of a denial. Where the order of policies makes a difference, not
// every order was tried: what none of those says that were is not compared.
func (c *comparison) message(set *compared, l *live, rec *capture.Record, j verdict.Judgement, a traffic.Answer) {
	d := differentMessage(j, a)
	if d != nil && len(j.Unordered) > 0 {
		c.undecided(set, l, rec, &set.part(partMessage).Undecided, drawnOrder)
		return
	}
	c.compare(set, l, rec, partMessage, d)
}

// decisive lists what the replay's decision rests on.
func decisive(j verdict.Judgement) string { return strings.TrimSpace(foretell(j).message) }

// difference is what the two sides say where they differ.
type difference struct{ offline, live string }

func (c *comparison) compare(set *compared, l *live, rec *capture.Record, part string, d *difference) {
	if d == nil {
		c.agree(set, rec, part)
		return
	}
	c.miss(set, l, rec, part, d.offline, d.live)
}

func (c *comparison) agree(set *compared, rec *capture.Record, part string) {
	p := set.part(part)
	p.Compared, p.Agreed = p.Compared+1, p.Agreed+1
	c.tell(rec, part, true)
}

func (c *comparison) tell(rec *capture.Record, part string, agreed bool) {
	if c.Compared != nil && rec != nil {
		c.Compared(rec, part, agreed)
	}
}

func (c *comparison) miss(set *compared, l *live, rec *capture.Record, part, offline, live string) {
	set.part(part).Compared++
	c.tell(rec, part, false)
	set.out.Misses = append(set.out.Misses, timeline.Discrepancy{
		Policies: set.out.Policies, Part: part, Cluster: l.Name, Record: rec.Seq, Request: request(rec), Offline: strings.TrimSpace(offline), Live: strings.TrimSpace(live),
	})
}

// policy counts whether both sides take a policy; d is where they differ.
func (c *comparison) policy(set *compared, l *live, name string, d *difference) {
	if d == nil {
		c.agree(set, nil, partPolicy)
		return
	}
	set.part(partPolicy).Compared++
	set.out.Misses = append(set.out.Misses, timeline.Discrepancy{
		Policies: set.out.Policies, Part: partPolicy, Cluster: l.Name, Record: -1, Request: name, Offline: d.offline, Live: d.live,
	})
}
