package drift

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Compare compares every cluster of the question.
func Compare(q Question) *Result {
	r := &Result{}
	hub := map[Ref]bool{}
	for i := range q.Hub {
		hub[RefOf(&q.Hub[i])] = true
	}
	for i := range q.Clusters {
		c := comparison{q: &q, cluster: &q.Clusters[i], hub: hub}
		r.Clusters = append(r.Clusters, c.run())
	}
	slices.SortStableFunc(r.Clusters, func(a, b ClusterResult) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// comparison is that of one cluster.
type comparison struct {
	q       *Question
	cluster *Cluster
	hub     map[Ref]bool
	missing map[policyKey]bool // policies that are intended and not installed
}

func (c *comparison) run() ClusterResult {
	out := ClusterResult{Name: c.cluster.Name, Labels: c.cluster.Labels, Captured: c.cluster.World != nil, Requests: -1}
	if c.cluster.Traffic != nil {
		out.Requests = c.cluster.Traffic.Requests
	}
	installed := map[Ref]*policy.Object{}
	all := InstalledIn(c.cluster.World)
	for i := range all {
		installed[RefOf(&all[i])] = &all[i]
	}
	intended := map[Ref]*placement.Delivered{}
	for i := range c.cluster.Intended {
		d := &c.cluster.Intended[i]
		intended[RefOf(&d.Object)] = d
	}
	refs := map[Ref]bool{}
	c.missing = map[policyKey]bool{}
	for ref := range intended {
		refs[ref] = true
		if installed[ref] == nil {
			c.missing[keyOfPolicy(verdict.PolicyRef{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name})] = true
		}
	}
	for ref := range installed {
		refs[ref] = true
	}
	for _, ref := range slices.SortedFunc(maps.Keys(refs), Ref.Compare) {
		if ref == configRef {
			continue
		}
		if o, ok := c.object(ref, intended[ref], installed[ref]); ok {
			out.Objects = append(out.Objects, o)
		}
	}
	if o, ok := c.config(intended[configRef]); ok {
		out.Objects = append(out.Objects, o)
	}
	return out
}

// object compares one object; ok is false for what is nobody's: what Kyverno made itself.
func (c *comparison) object(ref Ref, d *placement.Delivered, found *policy.Object) (Object, bool) {
	o := Object{Ref: ref, State: InSync}
	if d != nil {
		o.Placement, o.Overrides, o.Stale = d.Placement, d.Overrides, d.Stale
	}
	if d != nil && found == nil && !policy.IsPolicyKind(d.Object.APIVersion, d.Object.Kind) {
		found = lookUp(c.cluster.World, d.Object)
	}
	var raw map[string]any
	if found != nil {
		raw = decode(found.JSON)
	}
	switch {
	case d == nil && madeByKyverno(raw):
		return o, false
	case d == nil:
		c.unintended(&o, raw)
	case found == nil:
		c.absent(&o, d)
	default:
		c.differences(&o, d, found)
	}
	if ref.IsException() {
		c.judgeException(&o, d, raw)
	}
	o.settle()
	return o, true
}

// settle puts the worst finding first and names the object's state by it.
func (o *Object) settle() {
	kinds := Kinds()
	slices.SortStableFunc(o.Findings, func(a, b Finding) int {
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	})
	if len(o.Findings) > 0 {
		o.State = o.Findings[0].Kind
	}
}

func (c *comparison) find(o *Object, kind Kind, text, fix string) *Finding {
	o.Findings = append(o.Findings, Finding{Kind: kind, Cluster: c.cluster.Name, Object: o.Ref, Text: text, Fix: fix})
	return &o.Findings[len(o.Findings)-1]
}

// absent judges what is intended and not there. Only a capture that holds all objects of the
// kind can tell.
func (c *comparison) absent(o *Object, d *placement.Delivered) {
	if c.cluster.World == nil {
		o.State, o.Reason = NotEvaluated, "the cluster is not in the capture"
		return
	}
	gvr, _, ok := c.cluster.World.Resources.ResourceFor(capture.ParseGVK(d.Object.APIVersion, d.Object.Kind))
	if ok && c.cluster.World.Knows(gvr, o.Ref.Namespace) || c.cluster.World.Cluster.Complete {
		fix := "see why the member does not apply it: the status of its Work on the hub"
		if d.Stale != "" {
			fix = d.Stale
		}
		c.find(o, Missing, "placement "+d.Placement+" brings it, and the cluster does not have it", fix)
		return
	}
	o.State, o.Reason = NotEvaluated, "it was not captured, and the capture does not say that it holds all objects of its kind: capture from the cluster, or with --complete"
}

// unintended judges what is there and not intended.
func (c *comparison) unintended(o *Object, raw map[string]any) {
	where := ""
	if c.hub[o.Ref] {
		where = "; the hub has an object of that name, and does not place it here"
	}
	switch owner := fleetOwner(raw); {
	case owner != "":
		c.find(o, LeftBehind, "came from the hub ("+owner+"), which does not intend it here any more"+where, "delete it in the cluster, or place it again")
	case o.Ref.IsException():
		c.find(o, ExceptionUnknown, "an exception of the cluster's own, unknown to the hub"+where, "bring it to the hub, or delete it")
	default:
		c.find(o, Extra, "is installed, and no placement of the hub brings it"+where, "bring it to the hub, or delete it")
	}
}

// differences compares an object that is on both sides.
func (c *comparison) differences(o *Object, d *placement.Delivered, found *policy.Object) {
	was, is := c.q.body(d.Object), c.q.body(*found)
	if was == nil || is == nil {
		o.State, o.Reason = NotEvaluated, "it could not be read"
		return
	}
	align(was, is)
	if !policy.IsPolicyKind(d.Object.APIVersion, d.Object.Kind) {
		is = partOf(is, was).(map[string]any) // KubeFleet itself compares what the hub sets
	}
	c.sort(o, changesOf(was, is), judge{o.Ref.Kind, was, is})
}

// effects are the kinds of finding that differences make, by their effect.
var effects = []struct {
	effect effect
	kind   Kind
}{{weaker, Weakened}, {stronger, Strengthened}, {unknown, OtherVersion}}

// sort makes one finding of the changes of each effect.
func (c *comparison) sort(o *Object, changes []change, j judge) {
	byEffect := map[effect][]Difference{}
	for _, ch := range changes {
		e, why := j.of(ch)
		byEffect[e] = append(byEffect[e], Difference{Path: pathText(ch.path), Intended: raw(ch.was), Installed: raw(ch.is), Why: why})
	}
	for _, e := range effects {
		differences := byEffect[e.effect]
		if len(differences) == 0 {
			continue
		}
		fix := "apply the hub's version again, or bring the change to the hub"
		if o.Stale != "" {
			fix = o.Stale
		}
		f := c.find(o, e.kind, summary(differences), fix)
		f.Differences = differences
	}
}

// summary says what differs: by its meaning where that is known, else by its place.
func summary(differences []Difference) string {
	const most = 3
	var parts []string
	for _, d := range differences {
		text := d.Why
		if text == "" {
			text = d.Path + " differs"
		}
		if !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if n := len(parts); n > most {
		parts = append(parts[:most], fmt.Sprintf("%d more", n-most))
	}
	return strings.Join(parts, "; ")
}

// judgeException adds what only exceptions have: their time, and what they were used for.
func (c *comparison) judgeException(o *Object, d *placement.Delivered, raw map[string]any) {
	if raw == nil {
		if d == nil {
			return
		}
		raw = decode(d.Object.JSON)
	}
	e := newException(raw, c.q.At)
	o.Exception = e
	e.Origin = FromMember
	switch {
	case d != nil:
		e.Origin = FromHub
	case fleetOwner(raw) != "":
		e.Origin = Abandoned
	}
	if o.State == NotEvaluated || len(o.Findings) > 0 && o.Findings[0].Kind == Missing {
		return
	}
	if e.Expired {
		c.expired(o, e)
	}
	if !(e.Expired && e.UntilBy == "spec.expiresAt") { // Kyverno does not heed it any more
		c.used(o, e)
	}
}

func (c *comparison) expired(o *Object, e *Exception) {
	text := "ended at " + e.Until.Format("2006-01-02 15:04 UTC") + " by " + e.UntilBy
	switch {
	case e.UntilBy == "spec.expiresAt":
		text += "; Kyverno does not heed it any more, and it is still there"
	case strings.HasPrefix(e.UntilBy, "label "):
		text += "; Kyverno's cleanup controller should have deleted it, and it still applies"
	default:
		text += "; it still applies, for Kyverno reads no annotations"
	}
	c.find(o, ExceptionExpired, text, "delete it, or have it renewed")
}

// used judges what the capture's requests needed of an exception.
func (c *comparison) used(o *Object, e *Exception) {
	t := c.cluster.Traffic
	if t == nil || t.Requests == 0 {
		o.Unverified = "whether it is used: no request of the cluster was replayed"
		return
	}
	m := t.uses[o.Ref]
	if m == nil {
		return
	}
	use := m.Use
	e.Uses = &use
	switch n := m.Requests; {
	case n == 0 && m.Unknown > 0:
		o.Unverified = "whether it is used: its policies could not be judged for " + requests(m.Unknown)
	case n == 0 && c.names(m):
		o.Unverified = "whether it is used: a policy that it names is missing"
	case n == 0:
		text := "applied to no request of the capture"
		if !t.judged(m) {
			text += "; the policies that it names gave no verdict"
		}
		c.find(o, ExceptionUnused, text, "delete it, or replay a longer capture")
	case m.LetThrough == 0 && m.Unknown == 0:
		c.find(o, ExceptionNeedless, "applied to "+requests(n)+", which would pass without it", "delete it, or replay a longer capture")
	default:
		if wide := m.tooWide(); len(wide) > 0 {
			c.find(o, ExceptionWide, "no request needed "+strings.Join(wide, ", "), "limit it to what is used, or replay a longer capture")
		}
	}
}

func requests(n int) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

// names tells whether an exception names a policy that is missing.
func (c *comparison) names(m *useMeter) bool {
	for key := range m.names {
		if c.missing[key] {
			return true
		}
	}
	return false
}

// judged tells whether any of the policies that an exception names gave a verdict.
func (t *Traffic) judged(m *useMeter) bool {
	for key := range m.names {
		if t.policies[key] {
			return true
		}
	}
	return false
}
