package hub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Builtin applies the plan itself: an object is written as the plan has it, with nothing
// of KubeFleet in it (no AppliedWork, no owner references, no annotations).
type Builtin struct {
	members map[string]*Member

	mu  sync.Mutex
	cut map[string]bool // members that nothing reaches; "" is the hub's: all of them
}

var _ Driver = (*Builtin)(nil)

// Name returns "builtin".
func (b *Builtin) Name() string { return scenarios.Builtin }

// Start takes the members in.
func (b *Builtin) Start(_ context.Context, members []*Member, _ State) error {
	b.members, b.cut = map[string]*Member{}, map[string]bool{}
	for _, m := range members {
		b.members[m.Name] = m
	}
	return nil
}

// Change does nothing: the plan knows already.
func (b *Builtin) Change(context.Context, State) error { return nil }

// Deliver writes the object to the member, again and again until it is taken.
func (b *Builtin) Deliver(ctx context.Context, member string, c Change, patience time.Duration) error {
	m := b.members[member]
	if m == nil {
		return fmt.Errorf("%s is no member", member)
	}
	return retry(ctx, patience, 250*time.Millisecond, func(ctx context.Context) error {
		if why := b.isCut(member); why != "" {
			return fmt.Errorf("%w: %s", ErrCut, why)
		}
		if c.Object == nil {
			o, err := object(c.Before)
			if err != nil {
				return err
			}
			return m.Objects.Remove(ctx, o)
		}
		o, err := object(c.Object)
		if err != nil {
			return err
		}
		return m.Objects.Put(ctx, o)
	})
}

func (b *Builtin) isCut(member string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.cut[""]:
		return "the hub does not answer"
	case b.cut[member]:
		return "its agent does not run"
	}
	return ""
}

func (b *Builtin) setCut(member string, cut bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut[member] = cut
	return nil
}

// Event does nothing: the plan knows already.
func (b *Builtin) Event(context.Context, placement.Event) error { return nil }

// Stop cuts a member, or with what hub all of them, off.
func (b *Builtin) Stop(_ context.Context, _, member string) error { return b.setCut(member, true) }

// Resume ends that.
func (b *Builtin) Resume(_ context.Context, _, member string) error { return b.setCut(member, false) }

// Runs are known to the plan alone.
func (b *Builtin) Runs(context.Context) ([]timeline.Run, error) { return nil, nil }

// Scheduling is the plan's alone.
func (b *Builtin) Scheduling(context.Context) ([]Decided, error) { return nil, nil }

// Finish does nothing: the plan takes approvals as given.
func (b *Builtin) Finish(context.Context, string) error { return nil }

// Close has nothing to end.
func (b *Builtin) Close(context.Context) error { return nil }
