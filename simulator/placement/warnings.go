package placement

import (
	"fmt"
	"slices"
	"strings"
)

// review warns of what surprises people in what came of the question.
func (w *world) review() {
	for _, s := range w.book.latest() {
		w.reviewOverride(s)
	}
	for _, p := range w.order {
		w.reviewPlacement(p)
	}
	for _, r := range w.runs {
		w.reviewRun(r)
	}
	w.reviewKyverno()
}

func (p *placed) warning(code, text, fix string, members ...string) Warning {
	return Warning{Code: code, File: p.file, Line: p.line, Object: p.object(), Text: text, Fix: fix, Members: slices.Clone(members)}
}

func (r *runState) warning(code, text, fix string, members ...string) Warning {
	return Warning{Code: code, File: r.file, Line: r.line, Object: r.object(), Text: text, Fix: fix, Members: slices.Clone(members)}
}

func (s overrideSnapshot) warning(code, text, fix string, members ...string) Warning {
	object := s.kind + "/" + strings.TrimPrefix(s.Namespace+"/"+s.Name, "/")
	return Warning{Code: code, File: s.file, Line: s.line, Object: object, Text: text, Fix: fix, Members: slices.Clone(members)}
}

// warnFirst warns of a first rollout, which no limit throttles.
func (w *world) warnFirst(p *placed, updates []*binding) {
	if len(updates) < 2 || w.quiet || len(p.snapshots.latest().objects) == 0 {
		return
	}
	w.warn(p.warning("first-rollout-unthrottled",
		fmt.Sprintf("the first rollout reaches %d clusters at once: maxUnavailable and maxSurge limit updates only", len(updates)),
		"use strategy External with a staged update run, or start with a placement of few clusters", clustersOf(updates)...))
}

// WorkNotWritten is the code of the warning about a placement that brings nothing at all.
const WorkNotWritten = "work-not-written"

func (w *world) warnStalled(p *placed, outstanding int) {
	if w.quiet {
		return
	}
	var failing []string
	for _, cluster := range sortedKeys(p.deliveries) {
		if d := p.deliveries[cluster]; d.failure != "" || d.unreached {
			failing = append(failing, cluster)
		}
	}
	w.warn(p.warning("rollout-stalled",
		fmt.Sprintf("the rollout stands still with %d clusters to go: too many are not available for maxUnavailable; nothing is rolled back", outstanding),
		"correct what fails; a newer version reaches failed clusters without limit", failing...))
}

// warnWaits warns of changes that nothing brings to the clusters by itself.
func (w *world) warnWaits(p *placed, clusters []string) {
	w.warn(p.warning("unpinned-override-waits",
		"an override that names no placement, or a label that overrides look at, has changed: that starts no rollout, and comes along with whatever starts the next one",
		"name the placement in the override's spec.placement, so that a change of it starts a rollout", clusters...))
}

func (w *world) warnUnshipped(p *placed, clusters []string) {
	text := "the strategy is External and no update run ships what the hub holds now: these clusters keep what they have"
	if p.snapshots.latest() == nil {
		text = "the strategy is External and no update run has run: no resource snapshot is made, and nothing is placed"
	}
	fix := "create an update run with state: Run"
	if i := slices.IndexFunc(w.runs, func(r *runState) bool { return r.p == p && r.ended && r.condition.Status == "False" }); i >= 0 {
		fix = "correct what " + w.runs[i].key() + " fails of and create another run: it is never tried again"
	}
	w.warn(p.warning("no-run-ships-it", text, fix, clusters...))
}

func (w *world) warnIndex(r *runState, index int) {
	var known []string
	for _, s := range r.p.snapshots {
		known = append(known, fmt.Sprint(s.index))
	}
	if plain := fmt.Sprint(index); plain != r.spec.ResourceSnapshotIndex {
		w.warn(r.warning("index-unknown", fmt.Sprintf("resourceSnapshotIndex %q is looked up as it is written, and no snapshot has a number of that form", r.spec.ResourceSnapshotIndex), fmt.Sprintf("write %q", plain)))
		return
	}
	w.warn(r.warning("index-unknown",
		fmt.Sprintf("resourceSnapshotIndex %d is none of those that the old and the new state of the hub make (%s): the hub's own history may hold it, with content that is not known here", index, cmpOr(strings.Join(known, ", "), "none")),
		"ask with the hub's state that had the content as the old state"))
}

// warnRollback warns of what a rollback by index does not take back.
func (w *world) warnRollback(r *runState, given bool) {
	latest := r.p.snapshots.latest()
	if !given || latest == nil || w.quiet {
		return
	}
	var clusters, names, gone []string
	for _, cluster := range sortedKeys(r.overrides) {
		today := r.overrides[cluster]
		lost := slices.DeleteFunc(overrideIDs(r.p.shipped[r.index][cluster]), func(id string) bool { return slices.Contains(overrideIDs(today), id) })
		if d := r.p.deliveries[cluster]; d != nil && len(today)+len(lost) > 0 {
			clusters = append(clusters, cluster)
			names = append(names, overrideIDs(today)...)
			gone = append(gone, lost...)
		}
	}
	if len(clusters) == 0 {
		return
	}
	slices.Sort(names)
	text := fmt.Sprintf("resourceSnapshotIndex %d brings back objects, not overrides: the run uses the overrides of today (%s)", r.index, cmpOr(strings.Join(slices.Compact(names), ", "), "none"))
	if slices.Sort(gone); len(gone) > 0 {
		text += fmt.Sprintf("; %s, applied with it then, no longer are", strings.Join(slices.Compact(gone), ", "))
	}
	w.warn(r.warning("overrides-not-rolled-back", text,
		"change the overrides back as well, before the run is made", clusters...))
}

// reviewPlacement warns of what a placement leaves behind.
func (w *world) reviewPlacement(p *placed) {
	var sticky, staying []string
	for _, d := range p.decisions {
		if d.Sticky {
			sticky = append(sticky, d.Cluster)
		}
	}
	if len(sticky) > 0 {
		w.warn(p.warning("still-selected",
			"these clusters were selected earlier and would not be picked today as new ones: what has been scheduled is not moved for a label, a taint or a property that changes, and PickN prefers those that it has",
			"change the placement's policy, which has it scheduled anew", sticky...))
	}
	for _, cluster := range p.clusters(func(b *binding) bool { return b.State == unscheduled }) {
		if w.member(cluster) != nil && !w.left[cluster] && p.deliveries[cluster] != nil {
			staying = append(staying, cluster)
		}
	}
	if len(staying) > 0 && !p.rolls() {
		w.warn(p.warning("stays-on-deselected", "these clusters are no longer selected and keep what they have: under External only the delete stage of an update run removes it",
			"create an update run", staying...))
	}
	w.reviewApply(p)
	w.reviewLeft(p)
}

// reviewLeft warns of objects on clusters that have left.
func (w *world) reviewLeft(p *placed) {
	var left []string
	for _, cluster := range sortedKeys(w.left) {
		for _, h := range w.held[cluster] {
			if h.owner == p.id {
				left = append(left, cluster)
				break
			}
		}
	}
	if len(left) > 0 {
		w.warn(p.warning("stays-on-left", "these clusters have left the fleet and keep the objects: policies stay in force there, and nobody brings them up to date", "delete the objects there by hand", left...))
	}
}

// reviewApply warns of objects that could not be applied, and of what was overwritten.
func (w *world) reviewApply(p *placed) {
	for _, cluster := range sortedKeys(p.deliveries) {
		d := p.deliveries[cluster]
		switch {
		case strings.Contains(d.failure, "already owned by another Fleet AppliedWork"):
			w.addMember("owned-twice", p, "an object is placed by two placements: the second fails to apply it, and the first one's version stays", "select the object in one placement only", cluster)
		case strings.Contains(d.failure, "TakeOver: ") || strings.Contains(d.failure, "NotTakenOver"):
			w.addMember("not-taken-over", p, "an object is on the member already and is not taken over: "+d.apply.WhenToTakeOver+" is the placement's whenToTakeOver", "", cluster)
		case strings.Contains(d.failure, "Kyverno"+refusesIt):
			_, reason, _ := strings.Cut(d.failure, "manifests are applied): ")
			w.addMember("kyverno-refuses", p, "members refuse a policy that KubeFleet brings (ApplyFailed): "+reason, "correct the policy, or the override that makes it so", cluster)
		case strings.HasPrefix(d.failure, "SyncWorkFailed"):
			_, reason, _ := strings.Cut(d.failure, "to the latest: ")
			w.addMember("work-not-written", p, "nothing of the placement is brought up to date (SyncWorkFailed): "+reason, "an envelope holds objects of its own scope and namespace", cluster)
		case d.unreached && d.failure == "":
			w.addMember("member-unreached", p, "these clusters cannot be reached: they keep what they have, and get what is placed when their agents are back", "", cluster)
		case strings.HasPrefix(d.failure, "ApplyFailed"):
			_, reason, _ := strings.Cut(d.failure, "manifests are applied): ")
			w.addMember("apply-fails", p, "an object cannot be applied: "+reason, fixOf(d.failure), cluster)
		}
	}
	if p.applyStrategy().Type == "ReportDiff" {
		w.warn(p.warning("report-diff", "the apply strategy is ReportDiff: differences are reported and nothing is applied; unless whenToTakeOver is Never, owner references are written on the members all the same", ""))
	}
}

// fixOf is a hint at what to do about an object that a member does not take.
func fixOf(failure string) string {
	switch {
	case strings.Contains(failure, byServer+refusesIt):
		return "correct the override that makes it so: the hub has taken the object"
	case strings.Contains(failure, ": namespaces ") && strings.Contains(failure, "not found"):
		return "place the Namespace as well"
	}
	return ""
}

// addMember adds a member to a warning of the same kind.
func (w *world) addMember(code string, p *placed, text, fix, member string) {
	for i := range w.warnings {
		x := &w.warnings[i]
		if x.Code == code && x.Object == p.object() && x.Text == text {
			if !slices.Contains(x.Members, member) {
				x.Members = append(x.Members, member)
			}
			return
		}
	}
	w.warn(p.warning(code, text, fix, member))
}
