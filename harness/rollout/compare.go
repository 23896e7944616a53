package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/cluster"
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

// CompareStages are the stages of a scenario for [Compare]: the policies as written, whose
// decisions, messages and changes are compared; then each of them warning, so that every
// rule that fails is heard.
func CompareStages() []scenarios.Stage {
	return []scenarios.Stage{{Name: "as written", Mode: scenarios.AsWritten}, {Name: "warn", Mode: string(policy.Warn)}}
}

// comparison is one in progress.
type comparison struct {
	*rehearsal
	mu       sync.Mutex // guards what follows
	out      *timeline.Comparison
	gone     *tally
	unknown  *tally
	compiler *kyverno.Compiler
	inForce  map[string]policy.Object // by cluster and policy
}

// Compare sends the requests of a plan made with [CompareStages] to clusters that it starts
// and removes again, and sets every answer beside the replay's.
func Compare(ctx context.Context, plan *Plan, opt Options) (*timeline.Comparison, error) {
	r := &rehearsal{Options: opt, plan: plan, start: time.Now(), line: &timeline.Timeline{}}
	c := &comparison{
		rehearsal: r, gone: newTally(), unknown: newTally(), compiler: kyverno.NewCompiler(opt.Engine),
		inForce: map[string]policy.Object{},
		out:     &timeline.Comparison{Provider: opt.Provider.Kind()},
	}
	for _, name := range parts {
		c.out.Parts = append(c.out.Parts, timeline.Part{Name: name})
	}
	err := c.run(ctx)
	c.out.Took = time.Since(r.start)
	c.out.Clusters = r.line.Clusters
	c.out.Unjudged, c.out.Unknown = c.gone.list(), c.unknown.list()
	slices.SortStableFunc(c.out.Misses, func(a, b timeline.Discrepancy) int {
		return cmp.Or(cmp.Compare(r.memberIndex(a.Cluster), r.memberIndex(b.Cluster)), cmp.Compare(a.Record, b.Record), cmp.Compare(slices.Index(parts, a.Part), slices.Index(parts, b.Part)))
	})
	for _, m := range r.members {
		if m.dead != "" && err == nil {
			err = fmt.Errorf("cluster %s: %s", m.Name, m.dead)
		}
	}
	return c.out, err
}

func (c *comparison) run(ctx context.Context) (err error) {
	for _, m := range c.plan.Members {
		m.Records = traffic.Sample(m.All, c.plan.Scenario.Traffic.Requests, c.plan.Scenario.Seed)
	}
	if err := c.stand(); err != nil {
		return err
	}
	if c.predicted, err = c.plan.predict(ctx, c.Engine, c.Workers); err != nil {
		return err
	}
	defer func() {
		if !c.Keep {
			err = errors.Join(err, c.down(ctx))
		}
	}()
	if err := c.up(ctx); err != nil {
		return err
	}
	for _, l := range c.members {
		l.sender.Keep = true
	}
	if err := c.each(ctx, c.members, c.prepare); err != nil {
		return err
	}
	if err := c.each(ctx, c.members, c.rights); err != nil {
		return err
	}
	for _, s := range c.plan.Stages {
		c.stage = s.Name
		if err := c.each(ctx, c.members, func(ctx context.Context, l *live) error { return c.member(ctx, s, l) }); err != nil {
			return err
		}
	}
	c.stage = ""
	return ctx.Err()
}

// stand fixes what each cluster holds, for both sides.
func (c *comparison) stand() error {
	c.standing = map[*Member]standing{}
	for _, m := range c.plan.Members {
		stands, err := stand(m.World, m.All, m.Sets, slices.Contains(m.Components, string(cluster.ControllerManager)))
		if err != nil {
			return err
		}
		if m.World, err = stands.world(m.World); err != nil {
			return err
		}
		c.standing[m] = stands
	}
	return nil
}

// member puts a stage's policies into one cluster, sends its requests and compares.
func (c *comparison) member(ctx context.Context, s *Stage, l *live) error {
	changes := c.install(ctx, l, l.Sets[s.Index], l.Sets[s.Index+1], s.Changes[l.Name])
	refused, err := c.refusals(ctx, l, l.Sets[s.Index+1])
	if err != nil {
		return err
	}
	set := c.taken(l, l.Sets[s.Index+1], changes, refused)
	pause(ctx, unseenPause) // the last webhook to learn of a change is not always the one that is seen
	judged, err := c.judge(ctx, l, set)
	if err != nil {
		return err
	}
	start := time.Now()
	answers := l.sender.Replay(ctx, l.Records, c.trafficOf(nil))
	c.step(start, l.Name, fmt.Sprintf("%d requests sent", len(answers)), "")
	if err := lost(answers); err != nil {
		return err
	}
	warn := s.Mode == string(policy.Warn)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, a := range answers {
		c.record(l, i, judged[i], a, warn)
	}
	return nil
}

// taken is what is in force: of a policy that the cluster did not take the version before,
// if there was one. Whether it takes them is compared as well, once.
func (c *comparison) taken(l *live, set *policy.Set, changes []timeline.Change, refused map[string]string) *policy.Set {
	live := map[string]string{}
	for _, ch := range changes {
		live[ch.Policy] = ch.Error
	}
	var kept []policy.Object
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range set.Objects {
		name := title(o.Kind, o.Namespace, o.Name)
		if live[name] == "" && refused[name] == "" {
			c.inForce[l.Name+" "+name] = o
		}
		if o, ok := c.inForce[l.Name+" "+name]; ok {
			kept = append(kept, o)
		}
		if c.stage != c.plan.Stages[0].Name {
			continue
		}
		if (live[name] == "") == (refused[name] == "") {
			c.agree(nil, partPolicy)
			continue
		}
		c.out.Parts[slices.Index(parts, partPolicy)].Compared++
		c.out.Misses = append(c.out.Misses, timeline.Discrepancy{
			Part: partPolicy, Cluster: l.Name, Record: -1, Request: name,
			Offline: cmp.Or(refused[name], "accepted"), Live: cmp.Or(live[name], "accepted"),
		})
	}
	out := policy.FromObjects(set.Source, kept)
	out.Others = set.Others
	return out
}

// refusals are the policies that the replay does not take, with the reason.
func (c *comparison) refusals(ctx context.Context, l *live, set *policy.Set) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	program, err := c.compiler.Compile(ctx, set, l.World)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, p := range program.Rejected {
		out[strings.Replace(p.Policy, "/", " ", 1)] = p.Reason
	}
	return out, nil
}

// judge replays the member's requests under a set.
func (c *comparison) judge(ctx context.Context, l *live, set *policy.Set) ([]verdict.Judgement, error) {
	c.mu.Lock()
	program, err := c.compiler.Compile(ctx, set, l.World)
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	engine, err := c.compiler.Engine(l.World, As, program)
	if err != nil {
		return nil, err
	}
	out := make([]verdict.Judgement, len(l.Records))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(c.Workers, 1))
	for i, rec := range l.Records {
		group.Go(func() error {
			sides, err := engine.Judge(within, c.standing[l.Member].sent(rec))
			if err == nil {
				out[i] = sides[0]
			}
			return err
		})
	}
	return out, group.Wait()
}

// record compares one request's answers.
func (c *comparison) record(l *live, i int, j verdict.Judgement, a traffic.Answer, warn bool) {
	rec := l.Records[i]
	a = named(rec, a)
	switch {
	case unasked(a) && !warn:
		c.compare(l, rec, partDecision, differentRefusal(j, a))
		return
	case a.Kind != traffic.Admitted && a.Kind != traffic.Denied:
		if !warn {
			c.gone.add(cmp.Or(a.Reason, string(a.Kind)), l.Name+" "+request(rec))
		}
		return
	case j.Decision == verdict.DecisionUndecided || j.Decision == verdict.DecisionError:
		if !warn {
			c.unknown.add(cmp.Or(j.Reason, string(j.Decision)), l.Name+" "+request(rec))
		}
		return
	}
	admitted := j.Decision != verdict.Denied
	if admitted != (a.Kind == traffic.Admitted) {
		c.miss(l, rec, partDecision, string(j.Decision)+": "+decisive(j), string(a.Kind)+": "+a.Message)
		return
	}
	if !warn {
		c.agree(rec, partDecision)
	}
	if slices.ContainsFunc(j.Verdicts, func(v verdict.Verdict) bool { return v.Outcome == verdict.Undecided }) {
		return // the decision stands; what the undecided rule adds to it is not known
	}
	switch {
	case warn && admitted:
		c.compare(l, rec, partWarnings, differentWarnings(j, a))
	case !warn && !admitted:
		c.compare(l, rec, partMessage, differentMessage(j, a))
	case !warn && len(j.Unordered) > 0: // the object is that of an order, which the cluster drew
	case !warn && len(l.before[i].Object) > 0 && len(a.Object) > 0 && rec.Operation != capture.Delete:
		sent, err := admission.Prepare(l.World, c.standing[l.Member].sent(rec)) // what the patch applies to
		if err != nil {
			sent = rec.Object
		}
		c.compare(l, rec, partObject, differentObject(sent, j.Patch, l.before[i].Object, a.Object))
	}
}

// decisive lists what the replay's decision rests on.
func decisive(j verdict.Judgement) string { return strings.TrimSpace(foretell(j).message) }

// difference is what the two sides say where they differ.
type difference struct{ offline, live string }

func (c *comparison) compare(l *live, rec *capture.Record, part string, d *difference) {
	if d == nil {
		c.agree(rec, part)
		return
	}
	c.miss(l, rec, part, d.offline, d.live)
}

func (c *comparison) agree(rec *capture.Record, part string) {
	p := &c.out.Parts[slices.Index(parts, part)]
	p.Compared, p.Agreed = p.Compared+1, p.Agreed+1
	c.tell(rec, part, true)
}

func (c *comparison) tell(rec *capture.Record, part string, agreed bool) {
	if c.Compared != nil && rec != nil {
		c.Compared(rec, part, agreed)
	}
}

func (c *comparison) miss(l *live, rec *capture.Record, part, offline, live string) {
	c.out.Parts[slices.Index(parts, part)].Compared++
	c.tell(rec, part, false)
	c.out.Misses = append(c.out.Misses, timeline.Discrepancy{
		Part: part, Cluster: l.Name, Record: rec.Seq, Request: request(rec), Offline: strings.TrimSpace(offline), Live: strings.TrimSpace(live),
	})
}
