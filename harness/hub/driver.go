package hub

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// errDiffer says that the hub's decisions are not the plan's, so far.
var errDiffer = errors.New("the scheduler's decisions are not the plan's")

// ErrCut says that nothing of the hub reaches a member now.
var ErrCut = errors.New("nothing reaches it")

// A Member is a cluster that policies are carried to.
type Member struct {
	placement.Member
	Cluster cluster.Cluster
	Objects *objects.Client
	Late    bool // it joins by an event
}

// A Change is one object on one member.
type Change struct {
	Object *policy.Object // as the member is to have it; nil: deleted
	Before *policy.Object // as it had it; nil: it had none
}

// A State is a hub as objects to apply: KubeFleet's own and those that it places.
type State []policy.Object

// A Driver carries policies from a hub to members.
type Driver interface {
	// Name is builtin or kubefleet.
	Name() string
	// Start joins the members to a hub of that state.
	Start(ctx context.Context, members []*Member, state State) error
	// Change gives the hub another state: objects are written, those that were only in
	// the state before are deleted.
	Change(ctx context.Context, state State) error
	// Deliver returns when a member has an object as changed, or with the reason why not
	// once the patience is over.
	Deliver(ctx context.Context, member string, c Change, patience time.Duration) error
	// Event does to the fleet what an event says: approvals of staged runs are events too.
	Event(ctx context.Context, e placement.Event) error
	// Stop stops what a fault may stop of the hub's side, the hub or a member's agent;
	// Resume starts it again.
	Stop(ctx context.Context, what, member string) error
	Resume(ctx context.Context, what, member string) error
	// Runs are the staged update runs as they stand, by name; nil where only the plan knows.
	Runs(ctx context.Context) ([]timeline.Run, error)
	// Scheduling is what the hub's scheduler has decided; nil where only the plan decides.
	Scheduling(ctx context.Context) ([]Decided, error)
	// Finish gives a run the approvals that it still waits for after its last stage.
	Finish(ctx context.Context, run string) error
	// Close ends everything that Start began.
	Close(ctx context.Context) error
}

// New is the driver that a scenario asks for.
func New(h *scenarios.Hub, p cluster.Provider, log func(format string, args ...any)) (Driver, error) {
	if h.Driver == scenarios.KubeFleet {
		return NewKubeFleet(Agents(h.Agents), p, h.Compress, log)
	}
	return &Builtin{}, nil
}

// object is a policy as an object to write.
func object(o *policy.Object) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(o.JSON); err != nil {
		return nil, err
	}
	unstructured.RemoveNestedField(u.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	return u, nil
}

// retry tries until it works or the patience is over, and returns the last failure.
func retry(ctx context.Context, patience, pause time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // the deadline's own failure says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}
