// Package hubs reads what verbs about fleets are asked: the states of a hub, the fleet,
// and what happens to it. [Ask] turns the flags of a command line into a question for a
// [placement.Distributor]; it knows neither the command nor an engine, so that plan,
// replay, check and drift ask the same way.
package hubs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/record"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Flags are the flags of a verb, as given.
type Flags struct {
	Hub       string   // a folder, a file, git:REV:path, context:NAME
	From      []string // earlier states, the oldest first; the last is what members have today. A bare revision takes the hub's path
	Fleet     string   // a fleet file
	KubeFleet string   // release
	Events    []string
}

// Options are what is not a flag.
type Options struct {
	At          time.Time
	Capture     *capture.Capture // nil: none
	Kubeconfigs []string         // where context:NAME is looked up
	// Installed is what a captured cluster has; nil: it is not asked for.
	Installed func(*capture.World) *policy.Set
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
	r := reader{f, options, opt.Kubeconfigs, a}
	var err error
	if a.After, err = r.read(ctx, "--hub", f.Hub); err != nil {
		return nil, err
	}
	if err := readable(a.After); err != nil {
		return nil, err
	}
	for i, from := range f.From {
		h, err := r.earlier(ctx, from)
		if err != nil {
			return nil, err
		}
		if i < len(f.From)-1 {
			a.History = append(a.History, h)
		} else {
			a.Before = h
		}
	}
	return a, a.members(f.Fleet, opt)
}

type reader struct {
	flags       Flags
	opt         placement.Options
	kubeconfigs []string
	asked       *Asked
}

// read reads a state of the hub.
func (r *reader) read(ctx context.Context, flag, spec string) (*placement.Hub, error) {
	if name, ok := strings.CutPrefix(spec, "context:"); ok {
		return r.live(ctx, spec, name)
	}
	h, err := placement.Load(ctx, spec, r.opt)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "name a folder, a file, git:REVISION:PATH or context:NAME"
		}
		return nil, malformed(hint, "%s: %w", flag, err)
	}
	return h, nil
}

func (r *reader) live(ctx context.Context, spec, name string) (*placement.Hub, error) {
	targets, err := record.Contexts(r.kubeconfigs, []string{name})
	if err != nil {
		return nil, &Malformed{Err: err}
	}
	objects, left, err := record.Hub(ctx, targets[0], record.Options{})
	if err != nil {
		return nil, fmt.Errorf("read the hub of context %s: %w", name, err)
	}
	for _, s := range left {
		r.asked.Notes = append(r.asked.Notes, "the live hub: "+s)
	}
	h, err := placement.FromObjects(spec, objects, r.opt)
	if err != nil {
		return nil, &Malformed{Err: err}
	}
	return h, nil
}

// earlier reads a state before. A path that is not there at a revision is a hub on which
// nothing was placed yet.
func (r *reader) earlier(ctx context.Context, from string) (*placement.Hub, error) {
	spec, err := r.specOf(ctx, from)
	if err != nil {
		return nil, err
	}
	if from == "none" {
		return placement.FromObjects(spec, nil, r.opt)
	}
	h, err := r.read(ctx, "--from", spec)
	if errors.Is(err, policy.ErrNoPath) {
		r.asked.Notes = append(r.asked.Notes, spec+" does not exist: nothing was placed yet")
		return placement.FromObjects(spec, nil, r.opt)
	}
	return h, err
}

// specOf turns a bare revision into the hub's path at that revision.
func (r *reader) specOf(ctx context.Context, from string) (string, error) {
	if from == "none" || strings.Contains(from, ":") {
		return from, nil
	}
	if rest, ok := strings.CutPrefix(r.flags.Hub, "git:"); ok {
		_, path, _ := strings.Cut(rest, ":")
		return "git:" + from + ":" + path, nil
	}
	if exists(from) {
		return from, nil
	}
	path, err := policy.PathInRepository(ctx, r.flags.Hub)
	if err != nil {
		return "", malformed("a revision needs a hub in a git repository; otherwise name a folder, a file, git:REVISION:PATH, context:NAME or none",
			"--from: %s does not exist, and is taken as a revision: %w", from, err)
	}
	return "git:" + from + ":" + filepath.ToSlash(path), nil
}

// readable refuses a hub with documents that are no YAML: the answer would be that of
// another hub than the one asked about.
func readable(h *placement.Hub) error {
	var lines []string
	for _, p := range h.Problems {
		if p.Policy == "" {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return malformed("", "--hub: %d of its documents cannot be read:\n  %s", len(lines), strings.Join(lines, "\n  "))
}
