package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/faults"
	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// liveHub is what a rehearsal from a hub keeps while it runs.
type liveHub struct {
	driver  hub.Driver
	board   *faults.Board
	members map[string]*hub.Member
	runs    []timeline.Run  // of the way back that was taken; nil: none was
	took    *placement.Plan // of that way back
	reached int             // stages that were walked
	stuck   string          // the run whose stage did not reach a cluster

	mu   sync.Mutex // guards what members are said to hold
	held map[string]*holding
}

// holding is what a member holds from the hub.
type holding struct {
	objects map[key]policy.Object
	came    map[key]arrival
	gone    map[key]policy.Object // that it once held
	set     *policy.Set           // in force; nil: a mixture that no stage of the plan has
}

// arrival says how an object came.
type arrival struct{ snapshot, stage, stale string }

// hubPatience is how long a stage may take unless the scenario says so.
const hubPatience = 30 * time.Second

func (r *rehearsal) patience() time.Duration {
	if p := time.Duration(r.plan.Hub.spec.Patience); p > 0 {
		return p
	}
	return hubPatience
}

// joinHub starts the driver with the members as they are.
func (r *rehearsal) joinHub(ctx context.Context) error {
	h := r.plan.Hub
	start := time.Now()
	driver, err := h.Driver(r.Provider)
	if err != nil {
		return err
	}
	r.hub = &liveHub{driver: driver, members: map[string]*hub.Member{}, held: map[string]*holding{}}
	r.hub.board = faults.NewBoard(h.Faults, faults.Switch{Stop: r.stopPart, Start: r.startPart}, r.start, time.Now)
	var members []*hub.Member
	for _, l := range r.members {
		m := &hub.Member{Cluster: l.cluster, Objects: l.client.Client, Late: h.late[l.Name]}
		if at := slices.IndexFunc(h.fleet, func(m *placement.Member) bool { return m.Name == l.Name }); at >= 0 {
			m.Member = *h.fleet[at]
		}
		r.hub.members[l.Name] = m
		r.hub.held[l.Name] = &holding{objects: map[key]policy.Object{}, came: map[key]arrival{}, gone: map[key]policy.Object{}}
		members = append(members, m)
	}
	r.line.Hub = &timeline.Hub{Objects: h.Objects, From: h.From, Distributor: h.Plan.Distributor, Driver: driver.Name(), Warnings: h.Notes}
	if err := driver.Start(ctx, members, h.Before); err != nil {
		return fmt.Errorf("driver %s: %w", driver.Name(), err)
	}
	r.step(start, "", "members joined the hub, driver "+driver.Name(), "")
	return nil
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return firstLine(err.Error())
}

func (r *rehearsal) holding(l *live) *holding {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	return r.hub.held[l.Name]
}

// runs are the staged update runs as they stand: as the hub says or, where only the plan
// knows, as it says for as far as the rehearsal came.
func (r *rehearsal) runs(ctx context.Context) ([]timeline.Run, error) {
	live, err := r.hub.driver.Runs(ctx)
	if err != nil || live != nil {
		return live, err
	}
	if r.hub.runs != nil {
		return r.hub.runs, nil
	}
	runs := hub.PlannedRuns(r.plan.Hub.Plan)
	for i := range runs {
		if runs[i].Name == r.hub.stuck {
			runs[i].State, runs[i].Reason, runs[i].Message = "running", "UpdateRunStuck", "a cluster of the stage was not reached"
			continue
		}
		for _, s := range r.plan.Stages[r.hub.reached:] {
			if s.Hub.Plan.Run == runs[i].Name {
				runs[i].State, runs[i].Reason, runs[i].Message = "waiting", "", "the rehearsal ended before "+s.Name
				break
			}
		}
	}
	return runs, nil
}

// closeHub ends what the driver began.
func (r *rehearsal) closeHub(ctx context.Context) error {
	if r.hub == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	r.line.Faults = r.hub.board.Happened()
	err := r.hub.driver.Close(ctx)
	if err != nil && strings.Contains(err.Error(), cluster.ErrNotFound.Error()) {
		return nil
	}
	return errors.Join(err)
}
