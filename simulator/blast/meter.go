package blast

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

const (
	maxUsers   = 5
	maxObjects = 1000     // workloads whose object is kept for the report
	maxObject  = 64 << 10 // bytes of one object
)

// Meter accumulates answers. It is fed from one goroutine, in the order of the capture.
// Its memory grows with the changed workloads and the distinct owners, not with requests.
type Meter struct {
	config     Config
	namespaces func(cluster, namespace string) map[string]string // labels
	radius     Radius
	clusters   map[string]*clusterMeter
	workloads  map[workloadKey]*workloadMeter
	unknowns   map[unknownKey]*unknownMeter
	spent      spent
	objects    int
	last       []diff.Change // of the record before, and of what is made of it
	ended      replay.Ended
	again      *replay.Answer // to the update of what comes next
}

type workloadKey struct{ cluster, namespace, kind, name string }

type clusterMeter struct {
	*Cluster
	namespaces map[string]*namespaceMeter
	owners     map[uint64]struct{}
}

type namespaceMeter struct {
	*Namespace
	owners map[uint64]struct{}
}

type workloadMeter struct {
	*Workload
	findings map[findingKey]*Finding
	policies map[policyClass]bool
}

type findingKey struct {
	class         diff.Class
	policy        verdict.PolicyRef
	rule          string
	before, after verdict.Outcome
	reason        string
}

type policyClass struct {
	policy verdict.PolicyRef
	class  diff.Class
}

type unknownKey struct{ side, reason, resolve string }

type unknownMeter struct {
	requests int
	policies map[verdict.PolicyRef]bool
}

// NewMeter returns a meter. clusters are those of the capture, in order; namespaces looks
// up a Namespace's labels (nil when unknown).
func NewMeter(config Config, clusters []capture.Cluster, namespaces func(cluster, namespace string) map[string]string) *Meter {
	config.Team = config.Team.orDefault()
	m := &Meter{
		config: config, namespaces: namespaces,
		clusters: map[string]*clusterMeter{}, workloads: map[workloadKey]*workloadMeter{}, unknowns: map[unknownKey]*unknownMeter{},
		spent: newSpent(), ended: make(replay.Ended, 2),
	}
	m.radius = Radius{
		ScopeReasons: map[string]int{}, TemplateReasons: map[string]int{}, Requested: Counts{}, Owned: Counts{}, Policies: map[verdict.PolicyRef]*Policy{}, Asked: map[verdict.PolicyRef]bool{},
		Baseline:  Side{map[verdict.Decision]int{}, map[verdict.Outcome]int{}},
		Candidate: Side{map[verdict.Decision]int{}, map[verdict.Outcome]int{}},
	}
	for _, c := range clusters {
		m.cluster(c.Name).Labels = c.Labels
	}
	return m
}

func (m *Meter) cluster(name string) *clusterMeter {
	c, ok := m.clusters[name]
	if !ok {
		c = &clusterMeter{&Cluster{Name: name, Requested: Counts{}, Owned: Counts{}}, map[string]*namespaceMeter{}, map[uint64]struct{}{}}
		m.clusters[name] = c
		m.radius.Clusters = append(m.radius.Clusters, c.Cluster)
	}
	return c
}

func (c *clusterMeter) namespace(name string) *namespaceMeter {
	n, ok := c.namespaces[name]
	if !ok {
		n = &namespaceMeter{&Namespace{Name: name, Requested: Counts{}, Owned: Counts{}}, map[uint64]struct{}{}}
		c.namespaces[name] = n
	}
	return n
}

// Add counts one answer and returns its changes. The answer's first side is the baseline,
// its second the candidate.
func (m *Meter) Add(a replay.Answer) []diff.Change {
	rec, before, after := a.Record, &a.Sides[0], &a.Sides[1]
	switch {
	case rec.TemplateOf != nil:
		return m.made(a)
	case rec.Again:
		m.again = &a
		return nil
	}
	again := m.again
	m.again = nil
	m.count(rec, before, after)
	changes := diff.Compare(before, after)
	m.last = changes
	m.ended.Follow(a)
	m.unknown("baseline", before)
	m.unknown("candidate", after)
	if len(changes) > 0 {
		var update *verdict.Judgement
		if again != nil {
			update = &again.Sides[1]
		}
		m.change(rec, changes, update)
	}
	m.spent.add(m, rec, before, after, changes)
	if again != nil {
		m.asked(&again.Sides[1])
		more := m.beyond(*again)
		m.radius.AppliedAgain++
		m.radius.AppliedAgainDiffer += min(len(more), 1)
		changes = append(changes, more...)
	}
	return changes
}

func (m *Meter) asked(after *verdict.Judgement) {
	for i := range after.Verdicts {
		m.radius.Asked[after.Verdicts[i].Policy] = true
	}
	for _, p := range after.Unordered {
		m.radius.Asked[p] = true
	}
}

func (m *Meter) count(rec *capture.Record, before, after *verdict.Judgement) {
	r := &m.radius
	r.Requests++
	m.asked(after)
	if rec.Operation == capture.Delete {
		r.Deletions++
	}
	if rec.Lacks(capture.MissingObject) {
		r.Incomplete++
	}
	if rec.Lacks(capture.MissingSent) {
		r.Answered++
	}
	if before.Decision == verdict.OutOfScope && after.Decision == verdict.OutOfScope {
		r.OutOfScope++
		r.ScopeReasons[after.Reason]++
	}
	if t := rec.Time; t != nil {
		if r.From == nil || t.Before(*r.From) {
			r.From = t
		}
		if r.To == nil || t.After(*r.To) {
			r.To = t
		}
	}
	r.Baseline.add(before)
	r.Candidate.add(after)
	for i := range before.Verdicts {
		v := &before.Verdicts[i]
		m.policy(v.Policy).Baseline[v.Outcome]++
	}
	for i := range after.Verdicts {
		v := &after.Verdicts[i]
		m.policy(v.Policy).Candidate[v.Outcome]++
	}
	key := keyOf(rec)
	c := m.cluster(rec.Cluster)
	n := c.namespace(rec.Namespace)
	c.Requests++
	owner := key.hash()
	c.owners[owner] = struct{}{}
	n.owners[owner] = struct{}{}
}

func (s *Side) add(j *verdict.Judgement) {
	s.Decisions[j.Decision]++
	for i := range j.Verdicts {
		s.Outcomes[j.Verdicts[i].Outcome]++
	}
}

func (m *Meter) policy(ref verdict.PolicyRef) *Policy {
	p, ok := m.radius.Policies[ref]
	if !ok {
		p = &Policy{Counts{}, Counts{}, map[verdict.Outcome]int{}, map[verdict.Outcome]int{}}
		m.radius.Policies[ref] = p
	}
	return p
}

func (m *Meter) unknown(side string, j *verdict.Judgement) {
	seen := map[unknownKey]bool{}
	for i := range j.Verdicts {
		v := &j.Verdicts[i]
		if v.Outcome != verdict.Undecided {
			continue
		}
		key := unknownKey{side, v.Reason, v.Resolve}
		u, ok := m.unknowns[key]
		if !ok {
			u = &unknownMeter{policies: map[verdict.PolicyRef]bool{}}
			m.unknowns[key] = u
		}
		u.policies[v.Policy] = true
		if !seen[key] {
			seen[key] = true
			u.requests++
		}
	}
}

// keyOf names the workload that a request belongs to.
func keyOf(rec *capture.Record) workloadKey {
	for rec.TemplateOf != nil {
		rec = rec.TemplateOf
	}
	key := workloadKey{rec.Cluster, rec.Namespace, rec.Kind.Kind, nameOf(rec)}
	if rec.Owner != nil {
		key.kind, key.name = rec.Owner.Kind, rec.Owner.Name
	}
	return key
}

func (k workloadKey) hash() uint64 {
	h := fnv.New64a()
	for _, part := range []string{k.cluster, k.namespace, k.kind, k.name} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// Radius sums up. The meter must not be used after it.
func (m *Meter) Radius() *Radius {
	r := &m.radius
	for _, c := range r.Clusters {
		meter := m.clusters[c.Name]
		c.Workloads = len(meter.owners)
		r.Workloads += c.Workloads
		for _, name := range slices.Sorted(maps.Keys(meter.namespaces)) {
			n := meter.namespaces[name]
			n.Namespace.Workloads = len(n.owners)
			c.Namespaces = append(c.Namespaces, n.Namespace)
		}
	}
	for _, w := range m.workloads {
		m.sum(w)
		r.Changed = append(r.Changed, w.Workload)
	}
	slices.SortFunc(r.Changed, func(a, b *Workload) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for key, u := range m.unknowns {
		r.Unknowns = append(r.Unknowns, Unknown{key.side, key.reason, key.resolve, u.requests, slices.SortedFunc(maps.Keys(u.policies), verdict.PolicyRef.Compare)})
	}
	slices.SortFunc(r.Unknowns, func(a, b Unknown) int {
		return cmp.Or(-cmp.Compare(a.Requests, b.Requests), cmp.Compare(a.Side, b.Side), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Resolve, b.Resolve))
	})
	r.Budget = m.spent.limits(&m.config.Budget, r)
	return r
}
