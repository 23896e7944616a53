package hubs

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Plan asks the distributor. An event that cannot happen is a [Malformed] error.
func (a *Asked) Plan(ctx context.Context) (*placement.Plan, error) {
	plan, err := a.Distributor.Plan(ctx, a.Question)
	if err != nil && ctx.Err() == nil {
		return nil, &Malformed{err, "events name members of the fleet and runs of the hub"}
	}
	return plan, err
}

// Report is what a reader sees of a plan.
func (a *Asked) Report(plan *placement.Plan, tool reports.Tool, at time.Time) *reports.Plan {
	return reports.BuildPlan(reports.PlanInput{
		Tool: tool, At: at, Hub: a.After, From: a.Before, Fleet: a.Fleet, Events: a.Events, Plan: plan, Notes: a.Notes, Installed: a.Installed,
	})
}
