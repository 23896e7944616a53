package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A Switch stops a thing of a cluster, and starts it again; the hub's has no cluster.
type Switch struct {
	Stop  func(ctx context.Context, what, cluster string) error
	Start func(ctx context.Context, what, cluster string) error
}

// A Board keeps which faults are on. It is safe for concurrent use.
type Board struct {
	faults []Fault
	how    Switch
	begin  time.Time
	now    func() time.Time

	mending sync.Mutex

	mu   sync.Mutex
	on   map[int]*timeline.Fault
	done []*timeline.Fault
	down map[[2]string]int // how many faults hold a thing of a cluster stopped
}

// NewBoard is a board on which no fault is on. begin is when the rehearsal began.
func NewBoard(list []Fault, how Switch, begin time.Time, now func() time.Time) *Board {
	return &Board{faults: list, how: how, begin: begin, now: now, on: map[int]*timeline.Fault{}, down: map[[2]string]int{}}
}

// At makes happen what stops before a stage (or after it) that goes by the names.
func (b *Board) At(ctx context.Context, before bool, names ...string) error {
	var errs []error
	for i := range b.faults {
		f := &b.faults[i]
		if f.Happens(before, names...) && !b.happened(f) {
			errs = append(errs, b.stop(ctx, f))
		}
	}
	return errors.Join(errs...)
}

// Note writes down that a fault has happened which others made happen: an event at its time.
func (b *Board) Note(index int) {
	for i := range b.faults {
		if f := &b.faults[i]; f.Index == index && !b.happened(f) {
			b.note(f)
		}
	}
}

func (b *Board) note(f *Fault) *timeline.Fault {
	note := &timeline.Fault{What: f.What(), Clusters: f.Clusters, Stage: f.When(), At: b.now().Sub(b.begin), Took: -1}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on[f.Index] = note
	b.done = append(b.done, note)
	return note
}

func (b *Board) happened(f *Fault) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.on[f.Index] != nil
}

func (b *Board) stop(ctx context.Context, f *Fault) error {
	note := b.note(f)
	if f.Stop == "" {
		return nil // the plan has it already
	}
	for _, c := range f.places() {
		if b.count(f.Stop, c, 1) > 1 {
			continue
		}
		if err := b.how.Stop(ctx, f.Stop, c); err != nil {
			note.Error = err.Error()
			return fmt.Errorf("%s %s: %w", f.What(), c, err)
		}
	}
	return nil
}

// places are the clusters of a fault; the hub's has one without a name.
func (f *Fault) places() []string {
	if len(f.Clusters) == 0 {
		return []string{""}
	}
	return f.Clusters
}

// count adds to the faults that hold a thing stopped and returns how many there are.
func (b *Board) count(what, cluster string, n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down[[2]string{what, cluster}] += n
	return b.down[[2]string{what, cluster}]
}

// Down says whether a thing of a cluster is stopped now.
func (b *Board) Down(what, cluster string) bool { return b.count(what, cluster, 0) > 0 }

// Due ends the faults whose time is over.
func (b *Board) Due(ctx context.Context) error {
	return b.end(ctx, func(f *Fault, note *timeline.Fault) bool {
		return f.For > 0 && b.now().Sub(b.begin)-note.At >= time.Duration(f.For)
	})
}

// After ends the faults that last until a stage that goes by the names.
func (b *Board) After(ctx context.Context, names ...string) error {
	return b.end(ctx, func(f *Fault, _ *timeline.Fault) bool {
		return f.Until != "" && slices.Contains(names, f.Until)
	})
}

// Lift ends every fault that stops one of the things.
func (b *Board) Lift(ctx context.Context, what ...string) error {
	return b.end(ctx, func(f *Fault, _ *timeline.Fault) bool { return slices.Contains(what, f.Stop) })
}

func (b *Board) end(ctx context.Context, over func(*Fault, *timeline.Fault) bool) error {
	b.mending.Lock() // what is being started again is waited for
	defer b.mending.Unlock()
	var errs []error
	for i := range b.faults {
		f := &b.faults[i]
		b.mu.Lock()
		note := b.on[f.Index]
		ends := f.Stop != "" && note != nil && note.Took < 0 && note.Error == "" && over(f, note)
		b.mu.Unlock()
		if !ends {
			continue
		}
		for _, c := range f.places() {
			if b.count(f.Stop, c, 0) == 1 { // no other fault holds it
				if err := b.how.Start(ctx, f.Stop, c); err != nil {
					errs = append(errs, fmt.Errorf("start %s of %s again: %w", f.Stop, c, err))
				}
			}
			b.count(f.Stop, c, -1)
		}
		b.mu.Lock()
		note.Took = b.now().Sub(b.begin) - note.At
		b.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Happened is what happened, in order.
func (b *Board) Happened() []timeline.Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []timeline.Fault
	for _, f := range b.done {
		out = append(out, *f)
	}
	return out
}
