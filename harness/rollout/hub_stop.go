package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/scenarios"
)

// stopPart and startPart are what faults do.
func (r *rehearsal) stopPart(ctx context.Context, what, name string) error {
	start := time.Now()
	err := r.switchPart(ctx, what, name, cluster.Cluster.Stop, r.hub.driver.Stop)
	r.step(start, name, "fault: "+what+" stopped", message(err))
	return err
}

func (r *rehearsal) startPart(ctx context.Context, what, name string) error {
	start := time.Now()
	err := r.switchPart(ctx, what, name, cluster.Cluster.Start, r.hub.driver.Resume)
	if err == nil && what == scenarios.StopMemberAPI {
		err = r.revive(ctx, name)
	}
	r.step(start, name, "fault over: "+what+" runs again", message(err))
	return err
}

// revive starts what ended with a member's API server, as a kubelet does: Kyverno does not
// live without one. What another fault stops stays stopped.
func (r *rehearsal) revive(ctx context.Context, name string) error {
	c := r.hub.members[name].Cluster
	for _, part := range c.Spec().Parts() {
		if part == cluster.Kyverno && r.hub.board.Down(scenarios.StopKyverno, name) {
			continue
		}
		if err := c.Start(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) switchPart(ctx context.Context, what, name string, part func(cluster.Cluster, context.Context, cluster.Component) error, drive func(context.Context, string, string) error) error {
	switch what {
	case scenarios.StopMemberAPI:
		return part(r.hub.members[name].Cluster, ctx, cluster.APIServer)
	case scenarios.StopKyverno:
		return part(r.hub.members[name].Cluster, ctx, cluster.Kyverno)
	}
	return drive(ctx, what, name)
}

// silent says whether a member's API server is stopped by a fault.
func (r *rehearsal) silent(l *live) bool {
	return r.hub != nil && r.hub.board.Down(scenarios.StopMemberAPI, l.Name)
}

// watchFaults ends faults whose time is over, until the returned function is called.
func (r *rehearsal) watchFaults(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			if err := r.hub.board.Due(ctx); err != nil && ctx.Err() == nil {
				r.step(time.Now(), "", "faults", message(err))
			}
			pause(ctx, 100*time.Millisecond)
		}
	})
	return func() { cancel(); done.Wait() }
}

// cutOff says whether a fault keeps a member from getting anything.
func (r *rehearsal) cutOff(l *live) bool {
	for _, what := range scenarios.Stops {
		place := l.Name
		if what == scenarios.StopHub {
			place = ""
		}
		if r.hub.board.Down(what, place) {
			return true
		}
	}
	return false
}
