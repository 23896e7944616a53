package rollout

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fleet"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// Options says how to rehearse.
type Options struct {
	Provider cluster.Provider
	Parallel int             // clusters that start at a time
	Engine   kyverno.Options // of the predictions
	Workers  int             // of the predictions
	Now      func() time.Time
	// Progress hears of every step as it ends. May be nil.
	Progress func(timeline.Step)
	// Approve asks a person whether a stage may stand; nil: nobody can be asked.
	Approve func(ctx context.Context, stage string) (bool, error)
	// Compared hears of every part of every answer that [Compare] compares. May be nil.
	Compared func(rec *capture.Record, part string, agreed bool)
	Keep     bool // leave the fleet running
}

// rehearsal is one in progress.
type rehearsal struct {
	Options
	plan      *Plan
	predicted map[*Member]*prediction
	foreseen  map[*Member]outlook // for the gates that ask
	members   []*live
	line      *timeline.Timeline
	start     time.Time
	stage     string                                // whose steps are being written
	standing  map[*Member]standing                  // what clusters hold while they are compared; nil: a rehearsal
	there     map[*Member]standing                  // what they hold while dry runs are sent; none of a member: everything captured
	acting    []*acting                             // clusters whose workloads the stage touches
	hub       *liveHub                              // nil unless the policies come from a hub
	again     func(context.Context, *live, *change) // tries what could not be written; nil: once is enough

	mu sync.Mutex // guards line.Steps
}

// live is a member that runs.
type live struct {
	*Member
	cluster cluster.Cluster
	client  *client
	sender  *traffic.Sender
	before  []traffic.Answer // to its records, before the rollout
	dead    string           // why it is out of the rehearsal
}

// Rehearse walks the plan's stages on a fleet that it starts and removes again. The
// timeline is complete as far as the rehearsal came, also when there is an error: the
// rehearsal could not be carried out. What a gate decides is no error.
func Rehearse(ctx context.Context, plan *Plan, opt Options) (*timeline.Timeline, error) {
	r := &rehearsal{Options: opt, plan: plan, start: time.Now(), line: &timeline.Timeline{
		Scenario: plan.Scenario.Metadata.Name, Seed: plan.Scenario.Seed, Provider: plan.providers(opt.Provider.Kind()),
		Started: opt.Now().UTC(), Outcome: timeline.Failed,
	}}
	for _, s := range plan.Stages {
		r.line.Stages = append(r.line.Stages, r.unreached(s))
	}
	err := r.run(ctx)
	if err != nil {
		r.line.Error = firstLine(err.Error())
	}
	r.line.Took = time.Since(r.start)
	r.line.Outcome = r.outcome(err)
	slices.SortStableFunc(r.line.Steps, func(a, b timeline.Step) int { return cmp.Compare(a.At, b.At) })
	return r.line, err
}

// providers names what makes the clusters, sorted: usual makes those that name nothing.
func (p *Plan) providers(usual string) string {
	var names []string
	for _, c := range p.clusters() {
		names = append(names, cmp.Or(c.Provider, usual))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " and ")
}

func (r *rehearsal) run(ctx context.Context) (err error) {
	for _, m := range r.plan.Members {
		m.Records = traffic.Sample(m.All, r.plan.Scenario.Traffic.Requests, r.plan.Scenario.Seed)
		r.line.Fidelity.Updates += m.updates()
	}
	start := time.Now()
	if err := r.takeOut(); err != nil {
		return err
	}
	if r.predicted, err = r.plan.predict(ctx, r.Engine, r.Workers, r.there); err != nil {
		return err
	}
	if r.foreseen, err = r.plan.foresee(ctx, r.Engine, r.Workers); err != nil {
		return err
	}
	r.step(start, "", "predicted every answer", "")
	defer func() {
		err = errors.Join(err, r.closeHub(ctx))
		if !r.Keep {
			err = errors.Join(err, r.down(ctx))
		}
	}()
	if err := r.up(ctx); err != nil {
		return err
	}
	if err := r.each(ctx, r.members, r.world); err != nil {
		return err
	}
	if r.plan.Hub != nil {
		if err := r.joinHub(ctx); err != nil {
			return err
		}
		defer r.watchFaults(ctx)()
	}
	if err := r.each(ctx, r.members, r.measure); err != nil {
		return err
	}
	for i, s := range r.plan.Stages {
		goOn, err := r.walk(ctx, s, &r.line.Stages[i])
		if err != nil {
			return err
		}
		if !goOn {
			break
		}
	}
	r.stage = ""
	if err := r.conclude(ctx); err != nil {
		return err
	}
	if err := r.waysBack(ctx); err != nil {
		return err
	}
	r.line.Fleet = r.cells(ctx)
	return ctx.Err()
}

// up starts the fleet.
func (r *rehearsal) up(ctx context.Context) error {
	started, err := fleet.Up(ctx, r.Provider, Specs(r.plan.clusters()), r.Parallel, func(s fleet.Started) {
		r.step(time.Now().Add(-s.Took), s.Name(), "cluster ready", "")
	})
	if err != nil {
		return err
	}
	r.line.Clusters = make([]timeline.Cluster, len(started))
	for i, s := range started {
		r.members = append(r.members, &live{Member: r.plan.Members[i]})
		if err := r.join(i, s); err != nil {
			return err
		}
	}
	return nil
}

// join opens a member's cluster, which has started.
func (r *rehearsal) join(i int, s fleet.Started) (err error) {
	l := r.members[i]
	l.cluster = s.Cluster
	cfg := s.REST()
	cfg.Timeout = 40 * time.Second // a cluster that hangs must not hang the rehearsal
	if l.client, err = newClient(cfg); err != nil {
		return err
	}
	if l.sender, err = traffic.New(s.REST()); err != nil {
		return err
	}
	r.line.Clusters[i] = timeline.Cluster{Name: l.Name, Labels: l.Labels, Version: version(s.Spec()), Ready: s.Took}
	return nil
}

func (r *rehearsal) down(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	start := time.Now()
	_, err := fleet.Down(ctx, r.Provider)
	r.stage = ""
	r.step(start, "", "fleet removed", "")
	return err
}

// each does the same for several members at once; an error takes the member out.
func (r *rehearsal) each(ctx context.Context, members []*live, do func(context.Context, *live) error) error {
	var group errgroup.Group
	for _, l := range members {
		if l.dead != "" {
			continue
		}
		group.Go(func() error {
			if err := do(ctx, l); err != nil && ctx.Err() == nil {
				l.dead = firstLine(err.Error())
				r.step(time.Now(), l.Name, "cluster lost", l.dead)
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// step writes down what has just ended.
func (r *rehearsal) step(start time.Time, clusterName, what, err string) {
	s := timeline.Step{At: start.Sub(r.start), Took: time.Since(start), Stage: r.stage, Cluster: clusterName, What: what, Error: err}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.Steps = append(r.line.Steps, s)
	if r.Progress != nil {
		r.Progress(s)
	}
}

// outcome is the worst of the stages'.
func (r *rehearsal) outcome(err error) timeline.Outcome {
	worst := timeline.Passed
	order := []timeline.Outcome{timeline.Passed, timeline.Held, timeline.RolledBack, timeline.Failed}
	for _, s := range r.line.Stages {
		if slices.Index(order, s.Outcome) > slices.Index(order, worst) {
			worst = s.Outcome
		}
	}
	if err != nil || slices.ContainsFunc(r.members, func(l *live) bool { return l.dead != "" }) {
		return timeline.Failed
	}
	return worst
}
