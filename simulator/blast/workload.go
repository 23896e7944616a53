package blast

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/diff"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// change adds one changed request to its workload and everything above it. again is what the candidate
// says when its object, which stands, is applied again; nil where that was not asked.
func (m *Meter) change(rec *capture.Record, changes []diff.Change, again *verdict.Judgement) {
	w := m.workload(rec)
	bite := biteOf(rec, again != nil && again.Decision != verdict.Denied)
	c := m.cluster(rec.Cluster)
	n := c.namespace(rec.Namespace)
	classes := map[diff.Class]bool{}
	policies := map[policyClass]bool{}
	for i := range changes {
		change := &changes[i]
		classes[change.Class] = true
		if change.Policy != (verdict.PolicyRef{}) {
			policies[policyClass{change.Policy, change.Class}] = true
		}
		w.find(rec, change, biteOf(rec, again != nil && !diff.Refuses(again, change)))
	}
	for class := range classes {
		m.radius.Requested[class]++
		c.Requested[class]++
		n.Requested[class]++
		w.Requested[class]++
	}
	for key := range policies {
		m.policy(key.policy).Requests[key.class]++
		w.policies[key] = true
	}
	if classes[diff.NewlyDenied] {
		w.Bites[bite]++
	}
	w.seen(rec)
}

func (m *Meter) workload(rec *capture.Record) *workloadMeter {
	key := keyOf(rec)
	w, ok := m.workloads[key]
	if ok {
		return w
	}
	for rec.TemplateOf != nil {
		rec = rec.TemplateOf // a pod is nobody's object
	}
	w = &workloadMeter{
		Workload: &Workload{
			Cluster: key.cluster, Namespace: key.namespace, Kind: key.kind, Name: key.name,
			Team: m.team(rec), Requested: Counts{}, Bites: map[Bite]int{}, Origin: rec.Origin,
		},
		findings: map[findingKey]*Finding{}, policies: map[policyClass]bool{},
	}
	object := bodyOf(rec)
	switch {
	case m.objects >= maxObjects || len(object) > maxObject:
		m.radius.ObjectsCut++
	case object != nil:
		m.objects++
		w.Object = slices.Clone(object)
	}
	m.workloads[key] = w
	return w
}

func bodyOf(rec *capture.Record) json.RawMessage {
	if len(rec.Object) > 0 {
		return rec.Object
	}
	return rec.OldObject
}

// biteOf says when a refusal of this record would be felt: of a pod that a running workload makes,
// when it makes the next one. anew: only where its object is made anew.
func biteOf(rec *capture.Record, anew bool) Bite {
	if rec.TemplateOf != nil {
		return biteOfMade(rec)
	}
	switch {
	case rec.Again && (isPod(rec) || finished(rec)):
		return NextChange
	case anew && !isPod(rec) && rec.Owner == nil, finished(rec):
		return NextCreation
	}
	if rec.Origin.Source == "audit" || rec.Response != nil {
		return BitesNow
	}
	switch rec.Kind.Kind {
	case "Pod":
		if rec.Live {
			return NextRestart
		}
		return NextRollout
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob":
		return NextRollout
	}
	return NextChange
}

// biteOfMade is biteOf of what a controller makes.
func biteOfMade(rec *capture.Record) Bite {
	of := rec.TemplateOf
	for of.TemplateOf != nil {
		of = of.TemplateOf
	}
	switch {
	case finished(of), of.Answered() && rec.Kind.Kind == "PersistentVolumeClaim":
		return NextCreation // what has run is not made again, and what runs has its claims
	case of.Answered():
		return NextRestart
	}
	return NextRollout
}

func isPod(rec *capture.Record) bool { return rec.Kind.Kind == "Pod" && rec.Kind.Group == "" }

// finished tells of a Job, or a pod, that has run to its end: nobody makes it again.
func finished(rec *capture.Record) bool {
	if !rec.Live || rec.Kind.Kind != "Job" && rec.Kind.Kind != "Pod" {
		return false
	}
	var object struct {
		Status struct {
			Phase      string
			Conditions []struct{ Type, Status string }
		}
	}
	_ = json.Unmarshal(bodyOf(rec), &object) // what has no status runs
	if phase := object.Status.Phase; phase == "Succeeded" || phase == "Failed" {
		return true
	}
	return slices.ContainsFunc(object.Status.Conditions, func(c struct{ Type, Status string }) bool {
		return rec.Kind.Kind == "Job" && c.Status == "True" && (c.Type == "Complete" || c.Type == "Failed")
	})
}

func nameOf(rec *capture.Record) string {
	if rec.Name != "" {
		return rec.Name
	}
	var object struct {
		Metadata struct {
			GenerateName string `json:"generateName"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(bodyOf(rec), &object) // without a body there is no name to show
	return object.Metadata.GenerateName + "*"
}

// find adds a change to the finding that it belongs to.
func (w *workloadMeter) find(rec *capture.Record, change *diff.Change, bite Bite) {
	key := findingKey{class: change.Class, policy: change.Policy, rule: change.Rule, before: outcome(change.Before), after: outcome(change.After)}
	if change.Class == diff.Undecided {
		key.reason = change.Message
	}
	f, ok := w.findings[key]
	if !ok {
		f = &Finding{
			Class: change.Class, Policy: change.Policy, Rule: change.Rule, Bite: bite, Before: change.Before, After: change.After,
			Subject: subject(rec), Message: change.Message, Patch: change.Patch, OldPatch: change.OldPatch, Objects: change.Objects,
		}
		w.findings[key] = f
	}
	f.Requests++
	if slices.Index(Bites(), bite) < slices.Index(Bites(), f.Bite) {
		f.Bite = bite
	}
}

func outcome(v *verdict.Verdict) verdict.Outcome {
	if v == nil {
		return verdict.Unset
	}
	return v.Outcome
}

func subject(rec *capture.Record) string {
	kind := rec.Kind.Kind
	if rec.SubResource != "" {
		kind += "/" + rec.SubResource
	}
	return strings.Join(slices.DeleteFunc([]string{kind, rec.Namespace, nameOf(rec)}, func(s string) bool { return s == "" }), "/")
}

func (w *workloadMeter) seen(rec *capture.Record) {
	if t := rec.Time; t != nil {
		if w.First == nil || t.Before(*w.First) {
			w.First = t
		}
		if w.Last == nil || t.After(*w.Last) {
			w.Last = t
		}
	}
	user := rec.User.Username
	if user != "" && len(w.Users) < maxUsers && !slices.Contains(w.Users, user) {
		w.Users = append(w.Users, user)
	}
}

// team reads the owning team from the object, then from its namespace.
func (m *Meter) team(rec *capture.Record) string {
	var object struct {
		Metadata struct {
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(bodyOf(rec), &object) // without a body there are no labels
	for _, key := range m.config.Team.Labels {
		if team := object.Metadata.Labels[key]; team != "" {
			return team
		}
	}
	for _, key := range m.config.Team.Annotations {
		if team := object.Metadata.Annotations[key]; team != "" {
			return team
		}
	}
	labels := m.namespaces(rec.Cluster, rec.Namespace)
	for _, key := range m.config.Team.Labels {
		if team := labels[key]; team != "" {
			return team
		}
	}
	return ""
}

// sum counts a finished workload into its groups.
func (m *Meter) sum(w *workloadMeter) {
	c := m.cluster(w.Cluster)
	n := c.namespace(w.Namespace)
	for class := range w.Requested {
		m.radius.Owned[class]++
		c.Owned[class]++
		n.Owned[class]++
	}
	for key := range w.policies {
		m.policy(key.policy).Workloads[key.class]++
	}
	for _, f := range w.findings {
		w.Findings = append(w.Findings, f)
	}
	slices.SortFunc(w.Findings, func(a, b *Finding) int {
		return cmp.Or(a.Class.Rank()-b.Class.Rank(), a.Policy.Compare(b.Policy), cmp.Compare(a.Rule, b.Rule),
			int(outcome(a.Before)-outcome(b.Before)), int(outcome(a.After)-outcome(b.After)), cmp.Compare(a.Message, b.Message))
	})
}
