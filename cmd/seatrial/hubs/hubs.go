// Package hubs reads what verbs about fleets are asked: the states of a hub, the fleet,
// and what happens to it. [Ask] turns the flags of a command line into a question for a
// [placement.Distributor], [Read] into objects that a rehearsal gives to a hub of its own;
// they know neither the command nor an engine, so that plan, replay, check, drift and
// rehearse ask the same way.
package hubs

import (
	"context"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Flags are the flags of a verb, as given.
type Flags struct {
	Hub       string   // a folder, a file, git:REV:path, context:NAME
	From      []string // earlier states, the oldest first; the last is what members have today. A bare revision takes the hub's path
	Fleet     string   // a fleet file, or a file of MemberClusters
	KubeFleet string   // release
	Events    []string
}

// Options are what is not a flag.
type Options struct {
	At          time.Time
	Capture     *capture.Capture // nil: none
	Kubeconfigs []string         // where context:NAME is looked up
	// Stored is an object as a hub's API server has it, with the defaults of its definition:
	// patches of overrides meet those. nil: objects stay as they are written.
	Stored func(policy.Object) policy.Object
	// Served is what a hub's API server makes of an object that is written: the object, the
	// fields that it drops, and why it does not take it. A live hub has taken what it holds.
	// nil: everything is taken.
	Served func(policy.Object) (policy.Object, []string, error)
	// RunsElsewhere has External placements without an update run in the hub count as shipped.
	RunsElsewhere bool
	// Installed is what a captured cluster has; nil: it is not asked for.
	Installed func(*capture.World) *policy.Set
}

// installed is what a captured cluster has, as its API server has it: manifests of a
// repository lack the defaults.
func (o *Options) installed(w *capture.World) *policy.Set {
	set := o.Installed(w)
	if set != nil && o.Stored != nil {
		for i := range set.Objects {
			set.Objects[i] = o.Stored(set.Objects[i])
		}
	}
	return set
}

// An Asked is a question about a hub, ready to be planned.
type Asked struct {
	placement.Question
	Distributor placement.Distributor
	Fleet       string            // where the clusters come from, in words
	Worlds      map[string]string // by member: the captured cluster that stands for it; members that have none are left out
	Notes       []string
}

// A Malformed error is the asker's mistake; Hint says what to do, and may be empty.
type Malformed struct {
	Err  error
	Hint string
}

func (m *Malformed) Error() string { return m.Err.Error() }
func (m *Malformed) Unwrap() error { return m.Err }

func malformed(hint, format string, args ...any) error {
	return &Malformed{fmt.Errorf(format, args...), hint}
}

// Ask reads the hub, its earlier states, the fleet and the events. What cannot be read is
// a [Malformed] error; objects that are refused stay the answer's to tell.
func Ask(ctx context.Context, f Flags, opt Options) (*Asked, error) {
	options := placement.Options{KubeFleet: placement.Release(f.KubeFleet), At: opt.At}
	a := &Asked{Distributor: placement.KubeFleet{Options: options}, Worlds: map[string]string{}}
	for _, text := range f.Events {
		e, err := placement.ParseEvent(text)
		if err != nil {
			return nil, malformed("", "--event: %w", err)
		}
		a.Events = append(a.Events, e)
	}
	read, err := Read(ctx, f, opt)
	if err != nil {
		return nil, err
	}
	a.Notes, a.RunsElsewhere = read.Notes, opt.RunsElsewhere
	if a.After, err = fromSet(read.After, options, opt); err != nil { // the release is not known
		return nil, malformed("", "--kubefleet: %w", err)
	}
	if a.After.Empty() {
		return nil, malformed("name what is applied to the hub: placements and the objects that they select", "the hub: %s holds no Kubernetes object", read.After.Source)
	}
	for _, set := range read.Earlier {
		h, err := fromSet(set, options, opt)
		if err != nil {
			return nil, &Malformed{Err: err}
		}
		a.History = append(a.History, h)
	}
	if n := len(a.History); n > 0 {
		a.Before, a.History = a.History[n-1], a.History[:n-1]
	}
	return a, a.members(ctx, f.Fleet, opt)
}

// fromSet makes the state of a hub; what is written passes its API server.
func fromSet(set *policy.Set, options placement.Options, opt Options) (*placement.Hub, error) {
	if !isLive(set.Source) {
		options.Store = opt.Served
	}
	return placement.FromSet(set, options)
}
