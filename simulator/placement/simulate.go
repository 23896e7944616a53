package placement

import (
	"slices"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// A world is a hub with its members at one moment: what the controllers know, and what
// the members hold. It moves in steps, from one thing that is due to the next.
type world struct {
	release Release
	clock   time.Time     // of heartbeats
	now     time.Duration // since the hub objects changed
	hub     *Hub
	members []*Member      // by name
	down    bool           // the hub cannot be reached
	missed  []memberChange // of members, while the hub was down

	book       overrideBook
	order      []*placed // by kind, namespace, name
	runs       []*runState
	generation int             // how often the hub's objects have changed
	met        map[string]bool // pairs of runs that were under way together
	evictions  []*eviction     // not dealt with so far
	evicted    map[string]bool
	approved   map[string]bool // approval requests, by approvalKey

	held      map[string]map[string]holding // by member and object
	left      map[string]bool               // members that are gone, with what they hold
	gone      map[string]map[string]bool    // namespaces that were removed, by member
	later     map[string][]func()           // what waits for a member's agent
	installed map[string]*policy.Set
	// namespaces tells whether a member has one, where that is known; nil: it never is
	namespaces func(member, namespace string) (there, known bool)
	unguarded  map[string]bool // members on which Kyverno is down
	refuses    func(member string, o policy.Object) Refusal
	states     map[string]*State
	dirty      map[string]bool

	stages   []Stage
	causes   map[int]Event // of stages, by index: the event that led to them
	warnings []Warning
	quiet    bool // states before the change: nothing is recorded
}

// A placed is a placement with what became of it.
type placed struct {
	*placement
	id  string // "ClusterResourcePlacement//name"
	key string // as rollouts and overrides know it: "name", of ResourcePlacements "namespace/name"

	policy     policySnapshot
	snapshots  history
	content    []policy.Object // selected now, in the order of application
	selected   []ObjectRef
	failed     bool // nothing can be selected or scheduled: the placement is invalid
	bindings   []*binding
	deliveries map[string]*delivery
	shipped    map[int]map[string][]overrideSnapshot // overrides that went with resource snapshots, by index and cluster
	scheduled  Condition
	decisions  []Decision

	snapshotDue time.Duration
	rollDue     time.Duration
	waves       []int // stages of the rollout that is under way
	applied     applyStrategy
}

// never is the due time of what waits for something else.
const never = time.Duration(1<<62 - 1)

func newWorld(release Release, clock time.Time) *world {
	return &world{
		release: release, clock: clock, book: overrideBook{}, evicted: map[string]bool{}, approved: map[string]bool{},
		held: map[string]map[string]holding{}, left: map[string]bool{}, gone: map[string]map[string]bool{}, later: map[string][]func(){}, unguarded: map[string]bool{}, met: map[string]bool{}, causes: map[int]Event{},
		states: map[string]*State{}, dirty: map[string]bool{},
	}
}

func (w *world) member(name string) *Member {
	i := slices.IndexFunc(w.members, func(m *Member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return w.members[i]
}

func (w *world) placement(id string) *placed {
	i := slices.IndexFunc(w.order, func(p *placed) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return w.order[i]
}

// settle does everything that is due, in the order of time, until all that is left waits
// for something from outside. Placements come before runs, runs before evictions.
func (w *world) settle() { w.settleUntil(never) }

// settleUntil does what is due until a time. While the hub is down nothing is.
func (w *world) settleUntil(end time.Duration) {
	for !w.down {
		next, do := w.next()
		if next == never || next > end {
			break
		}
		w.now = max(w.now, next)
		do()
	}
	if end != never {
		w.now = max(w.now, end)
	}
	for _, p := range w.order {
		if p.rollDue == never && p.snapshotDue == never {
			w.nameWaves(p)
		}
	}
}

func (w *world) next() (time.Duration, func()) {
	at, do := never, func() {}
	consider := func(due time.Duration, f func()) {
		if due != never && max(due, w.now) < at {
			at, do = max(due, w.now), f
		}
	}
	for _, p := range w.order {
		consider(p.snapshotDue, func() { w.makeSnapshot(p) })
		consider(p.rollDue, func() { w.roll(p) })
	}
	for _, r := range w.runs {
		consider(r.due, func() { w.advance(r) })
	}
	if len(w.evictions) > 0 {
		consider(w.now, w.evict)
	}
	return at, do
}

// rest ends the time before the change: what is there has been there for long.
func (w *world) rest() {
	w.now = 0
	for _, p := range w.order {
		for _, d := range p.deliveries {
			d.readyAt = longAgo
		}
		for i := range p.snapshots {
			p.snapshots[i].at = longAgo
		}
		p.waves = nil
	}
	for _, r := range w.runs {
		for _, s := range r.stages {
			s.waitEnd = 0 // elapsed
		}
	}
}
