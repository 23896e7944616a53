package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// member puts a stage's policies into one cluster, sends its requests and compares.
func (c *comparison) member(ctx context.Context, s *Stage, l *live) error {
	switch s.Mode {
	case scenarios.Removed:
		return c.removed(ctx, s, l)
	case scenarios.AsWritten:
		if err := c.others(ctx, s, l); err != nil {
			return err
		}
	}
	before, after := l.Sets[s.Index], l.Sets[s.Index+1]
	judged, err := c.judge(ctx, l, after)
	if err != nil {
		return err
	}
	c.predicted[l.Member].add(after, l.Records, judged)
	judges, err := c.judges(ctx, l, before, after)
	if err != nil {
		return err
	}
	changes := c.install(ctx, l, before, after, judgesLast(exceptionsFirst(s.Changes[l.Name]), judges))
	refused, err := c.refusals(context.WithoutCancel(ctx), l, after)
	if err != nil {
		return err
	}
	set := c.taken(s, l, changes, refused, ctx.Err() != nil)
	if err := ctx.Err(); err != nil {
		return err
	}
	pause(ctx, unseenPause) // the last webhook to learn of a change is not always the one that is seen
	if set.Digest != after.Digest {
		if judged, err = c.judge(ctx, l, set); err != nil {
			return err
		}
	}
	answers, failure := c.send(ctx, l, s.Name)
	if failure != nil && ctx.Err() == nil {
		return failure
	}
	warn := s.Mode == string(policy.Warn)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, a := range answers {
		if failure == nil || a.Code != 0 { // else it was interrupted
			c.record(c.of(s), l, i, judged[i], a, warn)
		}
	}
	return failure
}

// others brings the objects that come with a candidate's policies into the cluster and into
// the replay's view of it, and measures how the cluster answers without the policies. They
// stay when the policies go.
func (c *comparison) others(ctx context.Context, s *Stage, l *live) error {
	stands := c.standing[l.Member]
	for _, o := range s.Others {
		u, err := parse(&o)
		var content json.RawMessage
		if err == nil {
			content, err = json.Marshal(u)
		}
		if err == nil {
			err = l.client.Put(ctx, u)
		}
		if err != nil {
			c.step(time.Now(), l.Name, "of the candidate: "+title(o.Kind, o.Namespace, o.Name), refusal(err))
			continue
		}
		stands[identityOf(u)] = content
	}
	if len(s.Others) > 0 {
		var err error
		if l.World, err = stands.world(l.World); err != nil {
			return err
		}
		if err := c.rights(ctx, l); err != nil {
			return err
		}
	}
	if len(s.Others) == 0 && l.before != nil {
		return nil
	}
	before, err := c.send(ctx, l, "without policies")
	if err == nil {
		l.before = before
	}
	return err
}

// removed takes a candidate's policies out of the cluster; the last one's go with it.
func (c *comparison) removed(ctx context.Context, s *Stage, l *live) error {
	if s == c.plan.Stages[len(c.plan.Stages)-1] {
		return nil
	}
	before, after := l.Sets[s.Index], l.Sets[s.Index+1]
	judges, err := c.judges(ctx, l, before)
	if err != nil {
		return err
	}
	c.predicted[l.Member].add(after, l.Records, unhindered(len(l.Records)))
	for _, ch := range c.install(ctx, l, before, after, judgesLast(s.Changes[l.Name], judges)) {
		if ch.Error != "" {
			return fmt.Errorf("remove %s: %s", ch.Policy, ch.Error)
		}
	}
	l.client.patience = 0 // whatever stalled it is gone
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inForce, l)
	return nil
}

// taken is what is in force: of a policy that the cluster did not take the version before,
// if there was one. Whether it takes them is compared as well, once; of an interrupted stage
// those that it answered for.
func (c *comparison) taken(s *Stage, l *live, changes []timeline.Change, refused map[string]string, interrupted bool) *policy.Set {
	live := map[string]string{}
	for _, ch := range changes {
		live[ch.Policy] = ch.Error
	}
	set := l.Sets[s.Index+1]
	var kept []policy.Object
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inForce[l] == nil {
		c.inForce[l] = map[string]policy.Object{}
	}
	for _, o := range set.Objects {
		name := title(o.Kind, o.Namespace, o.Name)
		if live[name] == "" && refused[name] == "" {
			c.inForce[l][name] = o
		}
		if o, ok := c.inForce[l][name]; ok {
			kept = append(kept, o)
		}
		if _, answered := live[name]; s.Mode != scenarios.AsWritten || interrupted && !answered {
			continue
		}
		d := &difference{cmp.Or(refused[name], "accepted"), cmp.Or(live[name], "accepted")}
		if (live[name] == "") == (refused[name] == "") {
			d = nil
		}
		if d != nil && strings.HasSuffix(o.Kind, "CleanupPolicy") && !slices.Contains(l.Components, string(cluster.KyvernoCleanup)) {
			c.of(s).part(partPolicy).Unjudged++
			c.of(s).gone.once(l.Name+" "+name, "the cleanup controller, which judges such policies, does not run: it would delete", l.Name+" "+name)
			continue
		}
		c.policy(c.of(s), l, name, d)
	}
	out := policy.FromObjects(set.Source, kept)
	out.Others = set.Others
	return out
}

// refusals are the policies that the replay does not take, with the reason.
func (c *comparison) refusals(ctx context.Context, l *live, set *policy.Set) (map[string]string, error) {
	program, err := c.compile(ctx, l, set)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, p := range program.Rejected {
		out[strings.Replace(p.Policy, "/", " ", 1)] = p.Reason
	}
	return out, nil
}

// compile makes a set ready for a member's world; the compiler serves one at a time.
func (c *comparison) compile(ctx context.Context, l *live, set *policy.Set) (*kyverno.Program, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(ctx, set, l.World)
}

// engine judges a member's requests under a set.
func (c *comparison) engine(ctx context.Context, l *live, set *policy.Set) (*kyverno.Engine, error) {
	program, err := c.compile(ctx, l, set)
	if err != nil {
		return nil, err
	}
	return c.compiler.Engine(l.World, As, program)
}

// judge replays the member's requests under a set.
func (c *comparison) judge(ctx context.Context, l *live, set *policy.Set) ([]verdict.Judgement, error) {
	engine, err := c.engine(ctx, l, set)
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

// judges are the policies of sets that judge policies, by their titles.
func (c *comparison) judges(ctx context.Context, l *live, sets ...*policy.Set) (map[string]bool, error) {
	out := map[string]bool{}
	for _, set := range sets {
		found, err := c.judgesOf(ctx, l, set)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			out[name] = true
		}
	}
	return out, nil
}

// exceptionsFirst orders the changes of policies: Kyverno takes no notice of a new exception of a
// policy of a namespace, and reads those that there are when the policy comes.
func exceptionsFirst(changes []change) []change {
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b change) int { return after(a) - after(b) })
	return out
}

func after(ch change) int {
	if strings.HasPrefix(ch.Policy, "PolicyException ") {
		return 0
	}
	return 1
}

// judgesLast orders the changes of policies. Those that judge policies go before any other
// is written, and come when all others are there: what a set does to its own policies is
// not what is compared.
func judgesLast(changes []change, judges map[string]bool) []change {
	var first, rest, last []change
	for _, ch := range changes {
		switch {
		case !judges[ch.Policy]:
			rest = append(rest, ch)
		case ch.object == nil:
			first = append(first, ch)
		default:
			if ch.before != nil {
				gone := change{Change: ch.Change, before: ch.before}
				gone.Action, ch.Action = "deleted", "created"
				first, ch.before = append(first, gone), nil
			}
			last = append(last, ch)
		}
	}
	return slices.Concat(first, rest, last)
}

// unhindered is what no policies say of so many requests.
func unhindered(n int) []verdict.Judgement {
	return slices.Repeat([]verdict.Judgement{{Decision: verdict.Allowed}}, n)
}
