package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/policy"
)

// prepare gives a cluster its world and today's policies, and measures how it answers.
func (r *rehearsal) prepare(ctx context.Context, l *live) error {
	if err := r.world(ctx, l); err != nil {
		return err
	}
	return r.measure(ctx, l)
}

// world gives a cluster what was captured of it. One that was there before has its own.
func (r *rehearsal) world(ctx context.Context, l *live) error {
	if l.wasThere() {
		return nil
	}
	at := slices.Index(r.members, l)
	note := &r.line.Clusters[at]
	start := time.Now()
	owners := l.cluster.Spec().Has(cluster.ControllerManager)
	objects, refused := initial(l.World, l.All, owners)
	if r.standing != nil {
		objects = r.standing[l.Member].pick(append(homes(objects, l.Sets), objects...))
	}
	if there := r.there[l.Member]; there != nil {
		objects = there.left(objects, refused)
	}
	objects, err := playWorkloads(ctx, l.cluster, objects, refused)
	if err != nil {
		return err
	}
	created, err := l.client.load(ctx, objects, refused)
	if err != nil {
		return fmt.Errorf("load the world: %w", err)
	}
	if err := l.client.configure(ctx, l.World); err != nil {
		return fmt.Errorf("Kyverno's configuration: %w", err)
	}
	for _, o := range l.Others { // of all stages
		if r.standing != nil {
			break // a comparison brings each candidate's with its policies
		}
		u, err := parse(&o)
		if err == nil {
			err = l.client.Put(ctx, u)
		}
		if err != nil {
			refused.add("of the candidate: "+refusal(err), title(o.Kind, o.Namespace, o.Name))
		}
	}
	note.Objects, note.Refused = created, refused.list()
	r.step(start, l.Name, fmt.Sprintf("%d objects of the captured world created", created), "")
	return nil
}

// measure gives a cluster today's policies and measures how it answers.
func (r *rehearsal) measure(ctx context.Context, l *live) error {
	if l.wasThere() {
		return r.asItIs(ctx, l)
	}
	empty := policy.FromObjects(l.Name, nil)
	installed := r.install(ctx, l, empty, l.Sets[0], r.baseline(l))
	if r.hub != nil {
		installed = append(installed, r.carry(ctx, l, "", r.plan.Hub.initial[l.Name], l.Sets[0])...)
	}
	for _, c := range installed {
		if c.Error != "" {
			return fmt.Errorf("install %s: %s", c.Policy, c.Error)
		}
	}
	start := time.Now()
	l.before = l.sender.Replay(ctx, l.Records, r.trafficOf(nil))
	r.step(start, l.Name, fmt.Sprintf("%d requests sent before the rollout", len(l.before)), "")
	r.compare(l, "before the rollout", l.Sets[0], l.before)
	return lost(l.before)
}

// baseline is today's policies as changes to an empty cluster.
func (r *rehearsal) baseline(l *live) []change {
	var out []change
	for _, o := range l.Sets[0].Objects {
		if r.hub != nil && r.hubs(l, &o) {
			continue
		}
		out = append(out, change{object: &o, Change: timeline.Change{
			Cluster: l.Name, Policy: title(o.Kind, o.Namespace, o.Name), Action: "created", Mode: string(policy.ModeOf(o))}})
	}
	return out
}

// lost says that a cluster answers nothing any more.
func lost(answers []traffic.Answer) error {
	n := 0
	for _, a := range answers {
		if a.Kind == traffic.Unreachable {
			n++
		}
	}
	if n > 0 && n*2 > len(answers) {
		return fmt.Errorf("%d of %d requests did not reach the API server: %s", n, len(answers), answers[len(answers)-1].Message)
	}
	return nil
}

func (r *rehearsal) trafficOf(s *Stage) traffic.Plan {
	t := r.plan.Scenario.Traffic
	if s != nil && s.Traffic != nil {
		t = *s.Traffic
	}
	p := traffic.Plan{Real: t.Real && s != nil, Rate: t.Rate, Compress: t.Compress, Concurrency: t.Concurrency}
	if p.Concurrency == 0 && !p.Real {
		p.Concurrency = 4
	}
	return p
}
