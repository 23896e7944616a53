package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/policy"
)

// checkExpectations says which expectation is about something that the rehearsal cannot have.
func (p *Plan) checkExpectations() error {
	for i, e := range p.Scenario.Expect {
		at := fmt.Sprintf("expect[%d]", i)
		if _, err := p.picks(at+".clusters", e.Clusters); err != nil {
			return err
		}
		if e.Version != "" && p.versionAt(e.Version) < 0 {
			return fmt.Errorf("%w: %s.version: the rollout has no stage %q (hint: %s is the state before it)", scenarios.ErrInvalid, at, e.Version, scenarios.BeforeRollout)
		}
		if e.Policy != "" && !slices.ContainsFunc(p.Members, func(m *Member) bool { return len(p.versions(m, e.Policy)) > 0 }) {
			return fmt.Errorf("%w: %s.policy: no cluster ever has a policy %q", scenarios.ErrInvalid, at, e.Policy)
		}
		if e.Run != "" && !p.hasRun(e.Run) {
			return fmt.Errorf("%w: %s.run: the hub has no staged update run %q", scenarios.ErrInvalid, at, e.Run)
		}
	}
	return nil
}

func (p *Plan) hasRun(name string) bool {
	runs := hub.PlannedRuns(p.Hub.Plan)
	for _, s := range p.Stages {
		if s.Hub.Back != nil {
			runs = append(runs, hub.PlannedRuns(s.Hub.Back.Plan)...)
		}
	}
	return slices.ContainsFunc(runs, func(r timeline.Run) bool { return r.Name == name })
}

// versionAt is the index of a member's set after the stage that goes by the name; -1: none.
func (p *Plan) versionAt(stage string) int {
	if stage == scenarios.BeforeRollout {
		return 0
	}
	for i, s := range p.Stages {
		if s.Name == stage || s.Hub != nil && slices.Contains(s.Hub.Names, stage) {
			return i + 1
		}
	}
	return -1
}

// versions are those of a policy that a member may have, each once.
func (p *Plan) versions(m *Member, name string) []policy.Object {
	var out []policy.Object
	for _, set := range p.setsOf(m) {
		for _, o := range set.Objects {
			if o.Name == name && !slices.ContainsFunc(out, func(x policy.Object) bool { return x.Digest == o.Digest }) {
				out = append(out, o)
			}
		}
	}
	return out
}

// expectations looks up what must be true, with the faults that last to the end still there.
func (r *rehearsal) expectations(ctx context.Context) error {
	for _, e := range r.plan.Scenario.Expect {
		switch {
		case e.Outcome != "":
			found := r.outcome(nil)
			r.expected("the rehearsal: "+e.Outcome, string(found), string(found) == e.Outcome, string(found) == e.Outcome)
		case e.Run != "":
			if err := r.expectRun(ctx, e); err != nil {
				return err
			}
		case e.Denied != nil:
			r.expectDenied(ctx, e)
		default:
			r.expectPolicy(ctx, e)
		}
	}
	return ctx.Err()
}

func (r *rehearsal) expected(what, found string, holds, excuses bool) {
	r.line.Expected = append(r.line.Expected, timeline.Expected{What: what, Found: found, Holds: holds, Excuses: excuses})
}

func (r *rehearsal) expectRun(ctx context.Context, e scenarios.Expectation) error {
	runs, err := r.runs(ctx)
	if err != nil {
		return err
	}
	found := "not there"
	for _, x := range runs {
		if x.Name == e.Run {
			found = x.State
			r.expected("run "+e.Run+": "+e.State, strings.TrimSuffix(found+": "+firstLine(x.Message), ": "), found == e.State, false)
			return nil
		}
	}
	r.expected("run "+e.Run+": "+e.State, found, false, false)
	return nil
}

// those are the clusters that an expectation is about; one that was lost holds nothing.
func (r *rehearsal) those(e scenarios.Expectation) []*live {
	picked := e.Clusters.Picks(r.plan.clusters())
	var out []*live
	for _, l := range r.members {
		if slices.ContainsFunc(picked, func(c scenarios.Cluster) bool { return c.Name == l.Name }) {
			out = append(out, l)
		}
	}
	return out
}

// expectDenied sends the requests once more.
func (r *rehearsal) expectDenied(ctx context.Context, e scenarios.Expectation) {
	denied, unknown := 0, []string{}
	for _, l := range r.those(e) {
		if l.dead != "" {
			unknown = append(unknown, l.Name)
			continue
		}
		answers := l.sender.Replay(ctx, l.Records, r.trafficOf(nil))
		if lost(answers) != nil {
			unknown = append(unknown, l.Name)
		}
		for i, a := range answers {
			if a.Kind == traffic.Denied && l.before[i].Kind != traffic.Denied {
				denied++
			}
		}
	}
	found := fmt.Sprint(denied)
	if len(unknown) > 0 {
		found += ", unknown on " + strings.Join(unknown, ", ")
	}
	r.expected(fmt.Sprintf("requests denied that were not before the rollout: %d", *e.Denied), found, found == fmt.Sprint(*e.Denied), false)
}

// expectPolicy looks at a policy on each of its clusters.
func (r *rehearsal) expectPolicy(ctx context.Context, e scenarios.Expectation) {
	for _, l := range r.those(e) {
		what := fmt.Sprintf("%s on %s: %s", e.Policy, l.Name, wanted(e))
		versions := r.plan.versions(l.Member, e.Policy)
		if l.dead != "" {
			r.expected(what, "unknown: "+l.dead, false, false)
			continue
		}
		m := &hub.Member{Objects: l.client.Client}
		m.Name = l.Name
		mode, there, err := heldMode(ctx, m, versions)
		if err != nil {
			r.expected(what, "unknown: "+message(err), false, false)
			continue
		}
		at := hub.Held(ctx, m, versions)
		found := []string{"not there"}
		holds := e.Absent
		if there {
			found, holds = []string{"in " + mode}, !e.Absent && (e.Mode == "" || e.Mode == mode)
			found = append(found, r.versionWords(l, e.Policy, versions, at))
		}
		if e.Version != "" {
			set := l.Sets[r.plan.versionAt(e.Version)]
			holds = holds && at >= 0 && slices.ContainsFunc(set.Objects, func(o policy.Object) bool { return o.Name == e.Policy && o.Digest == versions[at].Digest })
		}
		r.expected(what, strings.Join(found, ", "), holds, false)
	}
}

func wanted(e scenarios.Expectation) string {
	if e.Absent {
		return "not there"
	}
	var words []string
	if e.Mode != "" {
		words = append(words, "in "+e.Mode)
	}
	if e.Version != "" {
		words = append(words, "the version of "+e.Version)
	}
	return strings.Join(words, ", ")
}

// heldMode is the mode in which a policy is on a member.
func heldMode(ctx context.Context, m *hub.Member, versions []policy.Object) (mode string, there bool, err error) {
	for _, o := range versions {
		u, err := parse(&o)
		if err != nil {
			return "", false, err
		}
		got, err := m.Objects.Get(ctx, u)
		if err != nil {
			return "", false, err
		}
		if got == nil {
			continue
		}
		o.JSON, err = json.Marshal(got.Object)
		return modeOf(o), true, err
	}
	return "", false, nil
}

// versionWords says which version a member has, by the first stage that gives it.
func (r *rehearsal) versionWords(l *live, name string, versions []policy.Object, at int) string {
	if at < 0 {
		return "a version that no stage gives it"
	}
	for i, set := range l.Sets {
		if !slices.ContainsFunc(set.Objects, func(o policy.Object) bool { return o.Name == name && o.Digest == versions[at].Digest }) {
			continue
		}
		if i == 0 {
			return "the version of before"
		}
		return "the version of " + r.plan.Stages[i-1].Name
	}
	return "the version of a way back"
}

// conclude looks up what is expected, then ends the faults that last until now.
func (r *rehearsal) conclude(ctx context.Context) error {
	if r.hub == nil {
		return r.expectations(ctx)
	}
	if err := r.hub.board.Lift(ctx, scenarios.StopMemberAPI); err != nil {
		return err
	}
	runs, err := r.runs(ctx)
	if err == nil {
		r.line.Hub.Runs = runs
	} else {
		r.step(r.start, "", "staged update runs", message(err))
	}
	r.scheduling(ctx)
	if err := r.expectations(ctx); err != nil {
		return err
	}
	if len(r.plan.Scenario.Rollback.Ways) > 0 {
		return r.hub.board.Lift(ctx, scenarios.Stops...)
	}
	return nil
}
