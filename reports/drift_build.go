package reports

import (
	"encoding/json"
	"slices"

	"github.com/seatrial/seatrial/simulator/drift"
)

// DriftInput is what a report of drift is built from.
type DriftInput struct {
	Tool     Tool
	Question DriftQuestion
	Result   *drift.Result
	Budget   drift.Budget
	// Exempts tells whether the budget does not count a namespace of a cluster. Nil: it counts all.
	Exempts func(labels map[string]string, namespace string) bool
	Notes   []string
}

// BuildDrift decides, sorts and counts everything that a reader of drift will see.
func BuildDrift(in DriftInput) *Drift {
	d := &Drift{
		SchemaVersion: DriftSchemaVersion, Kind: DriftKind, Tool: in.Tool, Question: in.Question, Notes: orEmpty(in.Notes),
		Clusters: []DriftCluster{}, Objects: []DriftObject{}, Findings: []DriftFinding{}, Exceptions: []DriftException{},
		NotEvaluated: []DriftUnknown{}, Unverified: []DriftUnknown{},
		Totals: DriftTotals{Clusters: len(in.Result.Clusters), Findings: map[drift.Kind]int{}},
	}
	d.Question.At = d.Question.At.UTC()
	b := driftBuilder{Drift: d, in: in, rows: map[drift.Ref]int{}, findings: map[string]int{}, unknowns: map[string]int{}, exceptions: map[string]int{}, exempt: map[drift.Kind]int{}}
	for i := range in.Result.Clusters {
		b.cluster(i, &in.Result.Clusters[i])
	}
	b.finish()
	return d
}

// driftBuilder adds clusters up; its maps say where in the lists a thing stands.
type driftBuilder struct {
	*Drift
	in         DriftInput
	rows       map[drift.Ref]int
	findings   map[string]int
	unknowns   map[string]int
	exceptions map[string]int
	exempt     map[drift.Kind]int
}

func (b *driftBuilder) cluster(at int, c *drift.ClusterResult) {
	out := DriftCluster{Name: c.Name, Labels: c.Labels, Captured: c.Captured, Requests: c.Requests}
	for i := range c.Objects {
		o := &c.Objects[i]
		b.Totals.Objects++
		b.cell(at, o)
		switch o.State {
		case drift.InSync:
			out.InSync++
		case drift.NotEvaluated:
			out.NotEvaluated++
			b.Totals.NotEvaluated++
			if c.Captured {
				b.unknown(&b.NotEvaluated, &o.Ref, c.Name, o.Reason)
			}
		}
		if o.Unverified != "" {
			b.unknown(&b.Unverified, &o.Ref, c.Name, o.Unverified)
		}
		for j := range o.Findings {
			b.finding(c, &o.Findings[j])
		}
		out.Findings += len(o.Findings)
		b.exception(c.Name, o)
	}
	switch {
	case !c.Captured:
		b.Totals.NotCaptured++
		b.unknown(&b.NotEvaluated, nil, c.Name, "the cluster is not in the capture")
	case out.Findings > 0:
		b.Totals.Drifted++
	case out.NotEvaluated == 0:
		b.Totals.InSync++
	}
	b.Clusters = append(b.Clusters, out)
}

func (b *driftBuilder) cell(at int, o *drift.Object) {
	row, ok := b.rows[o.Ref]
	if !ok {
		row = len(b.Objects)
		b.rows[o.Ref] = row
		b.Objects = append(b.Objects, DriftObject{Object: o.Ref, Worst: o.State, Cells: make([]DriftCell, len(b.in.Result.Clusters))})
	}
	cell := &b.Objects[row].Cells[at]
	*cell = DriftCell{State: o.State, Placement: o.Placement, Overrides: o.Overrides, Stale: o.Stale}
	for i := range o.Findings {
		cell.Kinds = append(cell.Kinds, o.Findings[i].Kind)
	}
	if stateRank(o.State) < stateRank(b.Objects[row].Worst) {
		b.Objects[row].Worst = o.State
	}
}

// DriftStates lists the states of the matrix, worst first.
func DriftStates() []drift.State {
	return append(drift.Kinds(), drift.NotEvaluated, drift.InSync)
}

func stateRank(s drift.State) int { return slices.Index(DriftStates(), s) }

// finding adds a cluster to a finding that is the same elsewhere, or begins one.
func (b *driftBuilder) finding(c *drift.ClusterResult, f *drift.Finding) {
	b.Totals.Findings[f.Kind]++
	key := keyText(f.Kind, f.Object, f.Text, f.Fix, f.Differences)
	at, ok := b.findings[key]
	if !ok {
		at = len(b.Drift.Findings)
		b.findings[key] = at
		b.Drift.Findings = append(b.Drift.Findings, DriftFinding{Kind: f.Kind, Object: f.Object, Text: f.Text, Fix: f.Fix, Differences: f.Differences})
	}
	out := &b.Drift.Findings[at]
	out.Clusters = append(out.Clusters, c.Name)
	if b.in.Exempts != nil && b.in.Exempts(c.Labels, f.Object.Namespace) {
		out.Exempt = append(out.Exempt, c.Name)
		b.exempt[f.Kind]++
	}
}

// unknown adds an object to what could not be told of a cluster for a reason.
func (b *driftBuilder) unknown(list *[]DriftUnknown, object *drift.Ref, cluster, reason string) {
	key := keyText(cluster, reason, object == nil)
	at, ok := b.unknowns[key]
	if !ok {
		at = len(*list)
		b.unknowns[key] = at
		*list = append(*list, DriftUnknown{Clusters: []string{cluster}, Reason: reason})
	}
	if object != nil {
		(*list)[at].Objects = append((*list)[at].Objects, *object)
	}
}

// driftMerged takes clusters together of which the same could not be told.
func driftMerged(list []DriftUnknown) []DriftUnknown {
	out := []DriftUnknown{}
	seen := map[string]int{}
	for _, u := range list {
		key := keyText(u.Objects, u.Reason)
		at, ok := seen[key]
		if !ok {
			seen[key] = len(out)
			out = append(out, u)
			continue
		}
		out[at].Clusters = append(out[at].Clusters, u.Clusters...)
	}
	return out
}

func (b *driftBuilder) exception(cluster string, o *drift.Object) {
	e := o.Exception
	if e == nil {
		return
	}
	key := keyText(o.Ref, e.Origin, e.Policies, e.Said, e.Until, e.UntilBy)
	at, ok := b.exceptions[key]
	if !ok {
		at = len(b.Exceptions)
		b.exceptions[key] = at
		b.Exceptions = append(b.Exceptions, DriftException{
			Object: o.Ref, Origin: e.Origin, Policies: orEmpty(e.Policies), Said: e.Said, Until: e.Until, UntilBy: e.UntilBy, Expired: e.Expired,
		})
	}
	out := &b.Exceptions[at]
	installed := o.State != drift.Missing && o.State != drift.NotEvaluated
	out.Clusters = append(out.Clusters, DriftUse{Cluster: cluster, Installed: installed, Uses: e.Uses})
	if e.Uses != nil {
		if out.Total == nil {
			out.Total = &drift.Use{}
		}
		out.Total.Requests += e.Uses.Requests
		out.Total.LetThrough += e.Uses.LetThrough
		out.Total.Refused += e.Uses.Refused
		out.Total.Unknown += e.Uses.Unknown
		out.Total.Shared = out.Total.Shared || e.Uses.Shared
	}
	for i := range o.Findings {
		if kind := o.Findings[i].Kind; !slices.Contains(out.Kinds, kind) {
			out.Kinds = append(out.Kinds, kind)
		}
	}
}

// keyText is a key for values that are the same when their JSON is.
func keyText(parts ...any) string {
	content, err := json.Marshal(parts)
	if err != nil {
		return ""
	}
	return string(content)
}

// finish sorts, and holds the counts against the budget.
func (b *driftBuilder) finish() {
	slices.SortStableFunc(b.Objects, func(x, y DriftObject) int {
		if n := stateRank(x.Worst) - stateRank(y.Worst); n != 0 {
			return n
		}
		return x.Object.Compare(y.Object)
	})
	slices.SortStableFunc(b.Drift.Findings, func(x, y DriftFinding) int {
		if n := stateRank(x.Kind) - stateRank(y.Kind); n != 0 {
			return n
		}
		return x.Object.Compare(y.Object)
	})
	slices.SortStableFunc(b.Exceptions, func(x, y DriftException) int { return x.Object.Compare(y.Object) })
	for i := range b.Exceptions {
		slices.SortFunc(b.Exceptions[i].Kinds, func(x, y drift.Kind) int { return stateRank(x) - stateRank(y) })
	}
	b.NotEvaluated, b.Unverified = driftMerged(b.NotEvaluated), driftMerged(b.Unverified)
	b.Status = WithinBudget
	if b.Totals.NotEvaluated > 0 || b.Totals.NotCaptured > 0 {
		b.Status = Unanswered
	}
	for _, kind := range drift.Kinds() {
		l := DriftLimit{Kind: kind, Allowed: b.in.Budget.Limit(kind), Exempt: b.exempt[kind]}
		l.Found = b.Totals.Findings[kind] - l.Exempt
		if l.Exceeded = l.Found > l.Allowed; l.Exceeded {
			b.Status = BudgetExceeded
		}
		b.Budget = append(b.Budget, l)
	}
	b.Headline = driftHeadline(b.Drift)
}
