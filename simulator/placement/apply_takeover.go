package placement

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/policy"
)

// present is an object that a member is known to have, from whomever.
func (w *world) present(cluster string, o policy.Object) (policy.Object, bool) {
	set := w.installed[cluster]
	if set == nil || w.gone[cluster][o.Namespace] {
		return policy.Object{}, false
	}
	for _, objects := range [][]policy.Object{set.Objects, set.Others} {
		for _, there := range objects {
			if objectID(there) == objectID(o) {
				return there, true
			}
		}
	}
	return policy.Object{}, false
}

// takeOver is the applier's check of an object that is there and not its own; the reason
// says why it is left alone.
func (w *world) takeOver(p *placed, cluster string, d *delivery, o policy.Object) string {
	there, ok := w.present(cluster, o)
	if !ok {
		return ""
	}
	owners := ownersOf(there)
	if slices.ContainsFunc(owners, func(r owner) bool { return r.appliedWork() && w.writes(p, r.Name) }) {
		return "" // an earlier state of the placement has brought it
	}
	diffs := differences(o, there, d.apply.ComparisonOption)
	switch d.apply.WhenToTakeOver {
	case "Never":
		return "NotTakenOver: the object exists and is not owned by the placement; whenToTakeOver is Never"
	case "IfNoDiff":
		if len(diffs) > 0 {
			return "FailedToTakeOver: configuration differences are found at " + strings.Join(diffs, ", ")
		}
	}
	// Works that are gone do not count: KubeFleet drops references to them.
	if !d.apply.AllowCoOwnership && slices.ContainsFunc(owners, func(r owner) bool { return !r.appliedWork() }) {
		return "FailedToTakeOver: the object is already owned by other sources and co-ownership is disallowed"
	}
	if len(diffs) > 0 {
		w.addMember("overwrites-existing", p, "an object is on the member already, with other content, and is taken over: whenToTakeOver is Always", "whenToTakeOver IfNoDiff or Never leaves it alone; apply strategy ReportDiff shows what differs", cluster)
	}
	return ""
}

// owner is an owner reference.
type owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
}

// appliedWork tells whether the owner is the trace of a Work of KubeFleet's.
func (r owner) appliedWork() bool {
	return r.Kind == "AppliedWork" && strings.HasPrefix(r.APIVersion, placementGroup+"/")
}

func ownersOf(o policy.Object) []owner {
	var head struct {
		Metadata struct {
			OwnerReferences []owner `json:"ownerReferences"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(o.JSON, &head) // it was decoded before
	return head.Metadata.OwnerReferences
}

// writes tells whether a Work of that name is the placement's: Works are named after their
// placement, and of two placements whose names begin the same the longer one counts.
func (w *world) writes(p *placed, work string) bool {
	var best *placed
	for _, q := range w.order {
		if strings.HasPrefix(work, q.workName()) && (best == nil || len(q.workName()) > len(best.workName())) {
			best = q
		}
	}
	return best == p
}

// workName begins the names of a placement's Works.
func (p *placed) workName() string { return strings.ReplaceAll(p.key, "/", ".") + "-" }

// reportDiff compares and changes nothing. What an earlier strategy has applied stays.
func (w *world) reportDiff(p *placed, cluster string, d *delivery) {
	for _, o := range d.work {
		name := o.object.Kind + "/" + o.object.Name
		there, ok := w.present(cluster, o.object)
		if h, held := w.held[cluster][objectID(o.object)]; held {
			there, ok = h.Object, true
		}
		if !ok {
			d.reported = append(d.reported, name+": / (the whole object)")
			continue
		}
		if diffs := differences(o.object, there, d.apply.ComparisonOption); len(diffs) > 0 {
			d.reported = append(d.reported, name+": "+strings.Join(diffs, ", "))
		}
	}
	w.touched(cluster)
}

// differences are the paths at which an object on a member differs from the hub's. Under
// PartialComparison only fields of the hub's count.
func differences(hub, member policy.Object, comparison string) []string {
	a, b := comparableContent(hub), comparableContent(member)
	var out []string
	compareValues("", a, b, comparison == "FullComparison", &out)
	slices.Sort(out)
	return out
}

// comparableContent is an object without what KubeFleet never compares.
func comparableContent(o policy.Object) map[string]any {
	var content map[string]any
	if json.Unmarshal(o.JSON, &content) != nil {
		return nil
	}
	delete(content, "status")
	meta, _ := content["metadata"].(map[string]any)
	for key, value := range meta {
		if key != "labels" && key != "annotations" {
			delete(meta, key)
			continue
		}
		pairs, _ := value.(map[string]any)
		for name := range pairs {
			domain, _, _ := strings.Cut(name, "/")
			for _, own := range []string{"kubernetes.io", "k8s.io", "kubernetes-fleet.io"} {
				if strings.HasSuffix(domain, own) {
					delete(pairs, name)
				}
			}
		}
		if len(pairs) == 0 {
			delete(meta, key)
		}
	}
	return content
}

func compareValues(path string, hub, member any, full bool, out *[]string) {
	a, isMap := hub.(map[string]any)
	b, alsoMap := member.(map[string]any)
	if !isMap || !alsoMap {
		if !reflect.DeepEqual(hub, member) {
			*out = append(*out, path)
		}
		return
	}
	for key, value := range a {
		there, ok := b[key]
		if !ok {
			if empty(value) && !full {
				continue
			}
			*out = append(*out, path+"/"+key)
			continue
		}
		compareValues(path+"/"+key, value, there, full, out)
	}
	if !full {
		return
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			*out = append(*out, path+"/"+key)
		}
	}
}

func empty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// warnDrift warns of objects that somebody changed on a member after they were placed.
func (w *world) warnDrift() {
	for _, p := range w.order {
		for _, cluster := range sortedKeys(p.deliveries) {
			d := p.deliveries[cluster]
			if !slices.ContainsFunc(d.work, func(o rendered) bool { return w.drifted(cluster, d, o.object) }) {
				continue
			}
			if d.apply.WhenToApply == "IfNotDrifted" {
				w.keepDrift(cluster, d)
				w.addMember("drift-is-kept", p, "an object was changed on the member: with whenToApply IfNotDrifted that is an error of applying, and it stays until the hub's version changes", "", cluster)
			} else if !slices.ContainsFunc(d.work, func(o rendered) bool { return w.differs(cluster, o.object, "") }) {
				w.addMember("drift-is-reported", p, "an object on the member has fields that the hub does not set: FullComparison reports them, and they stay", "", cluster)
			} else {
				w.addMember("drift-is-overwritten", p, "an object was changed on the member: it is overwritten when the member agent looks at it again, after 15 minutes at the latest", "", cluster)
			}
		}
	}
}

func (w *world) drifted(cluster string, d *delivery, o policy.Object) bool {
	return w.differs(cluster, o, d.apply.ComparisonOption)
}

func (w *world) differs(cluster string, o policy.Object, comparison string) bool {
	there, ok := w.present(cluster, o)
	return ok && len(differences(o, there, comparison)) > 0
}

// keepDrift has a member hold what somebody made of the placement's objects.
func (w *world) keepDrift(cluster string, d *delivery) {
	for _, o := range d.work {
		h, held := w.held[cluster][objectID(o.object)]
		if held && w.drifted(cluster, d, o.object) {
			h.Object, _ = w.present(cluster, o.object)
			h.Stale = "it was changed on the member, and IfNotDrifted leaves it until the hub's version changes"
			w.held[cluster][objectID(o.object)] = h
			w.touched(cluster)
		}
	}
}
