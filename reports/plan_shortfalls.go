package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/placement"
)

// Shortfall is a part of a hub change that does not ship as asked.
type Shortfall struct {
	// Refused is set of what an API server, KubeFleet or a member refuses: it is tried, and
	// fails. Otherwise nothing brings it to clusters, which stay behind.
	Refused  bool     `json:"refused,omitempty"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Object   string   `json:"object,omitempty"`
	Text     string   `json:"text"` // no full stop
	Fix      string   `json:"fix,omitempty"`
	Clusters []string `json:"clusters,omitempty"`
}

// shortfallOf says of warnings that tell of a shortfall whether something is refused.
var shortfallOf = map[string]bool{
	"kyverno-refuses": true, "apply-fails": true, "owned-twice": true, "not-taken-over": true, "work-not-written": true,
	"no-run-ships-it": false, "run-never-starts": false, "run-stuck": false, "rollout-stalled": false,
	"unpinned-override-waits": false, "stays-on-deselected": false, "member-unreached": false,
}

// failedRun are the codes of warnings about a run that fails.
var failedRun = []string{"run-fails", "cluster-in-no-stage", "cluster-in-two-stages"}

// Shortfalls lists what of the hub change does not ship as asked, what is refused first.
func (p *Plan) Shortfalls() []Shortfall {
	out := p.refused()
	for i := range p.Warnings {
		if refused, ok := shortfallOf[p.Warnings[i].Code]; ok && !refused {
			out = append(out, shortfall(&p.Warnings[i], false))
		}
	}
	return append(out, p.stale(out)...)
}

// refused lists what an API server, KubeFleet or a member does not take.
func (p *Plan) refused() (out []Shortfall) {
	for _, x := range p.Problems {
		out = append(out, Shortfall{Refused: true, File: x.File, Line: x.Line, Object: x.Object, Text: x.Reason, Fix: x.Fix})
	}
	for i := range p.Placements {
		out = append(out, p.refusedOf(&p.Placements[i])...)
	}
	for i := range p.Warnings {
		w := &p.Warnings[i]
		switch {
		case shortfallOf[w.Code]:
			out = append(out, shortfall(w, true))
		case slices.Contains(failedRun, w.Code): // of a run that no placement has
			x := shortfall(w, true)
			_, name, _ := strings.Cut(w.Object, "/")
			x.Object = "run " + name
			if !slices.ContainsFunc(out, func(y Shortfall) bool { return y.Object == x.Object }) {
				out = append(out, x)
			}
		}
	}
	return out
}

// refusedOf lists what is refused of a placement: its scheduling, its runs, its overrides.
func (p *Plan) refusedOf(pl *PlanPlacement) (out []Shortfall) {
	name := strings.TrimPrefix(pl.Namespace+"/"+pl.Name, "/")
	if s := pl.Scheduled; s.Status == "False" || s.Reason == "SchedulePending" && s.Message != placement.NotScheduledYet {
		out = append(out, Shortfall{Refused: true, File: pl.File, Line: pl.Line, Object: pl.Kind + "/" + name, Text: joined(s.Reason, s.Message)})
	}
	for _, r := range pl.Runs {
		if c := r.Condition; c.Status == "False" && strings.HasSuffix(c.Reason, "Failed") {
			out = append(out, p.located(Shortfall{Refused: true, Object: "run " + r.Name, Text: joined(c.Reason, c.Message)}, "UpdateRun", r.Name))
		}
	}
	for _, o := range pl.Overrides {
		if len(o.Failed) > 0 {
			x := Shortfall{Refused: true, Object: "override " + o.Name, Text: o.Reason, Clusters: o.Failed}
			snapshot := o.Name[:max(0, strings.LastIndex(o.Name, "-"))] // its name without the number
			out = append(out, p.located(x, "Override", snapshot))
		}
	}
	return out
}

func joined(reason, message string) string { return strings.TrimSuffix(reason+": "+message, ": ") }

// located takes file, line and way out from a warning about the object.
func (p *Plan) located(x Shortfall, kind, name string) Shortfall {
	i := slices.IndexFunc(p.Warnings, func(w PlanWarning) bool {
		of, called, _ := strings.Cut(w.Object, "/")
		return strings.HasSuffix(of, kind) && called == name
	})
	if i >= 0 {
		x.File, x.Line, x.Fix = p.Warnings[i].File, p.Warnings[i].Line, p.Warnings[i].Fix
	}
	return x
}

func shortfall(w *PlanWarning, refused bool) Shortfall {
	return Shortfall{Refused: refused, File: w.File, Line: w.Line, Object: w.Object, Text: w.Text, Fix: w.Fix, Clusters: w.Members}
}

// stale lists the clusters that stay behind for a reason that none of the others names.
func (p *Plan) stale(others []Shortfall) (out []Shortfall) {
	known := map[string]bool{}
	for _, x := range others {
		for _, c := range x.Clusters {
			known[c] = true
		}
	}
	why := map[string]map[string]bool{}
	for i := range p.Policies {
		for _, h := range p.Policies[i].After {
			for _, c := range h.Clusters {
				if h.Version.Stale == "" || known[c] {
					continue
				}
				if why[h.Version.Stale] == nil {
					why[h.Version.Stale] = map[string]bool{}
				}
				why[h.Version.Stale][c] = true
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(why)) {
		out = append(out, Shortfall{Text: text, Clusters: slices.Sorted(maps.Keys(why[text]))})
	}
	return out
}

// refusalsOf says what the distributor or a member refuses, a sentence each.
func refusalsOf(p *Plan) (out []string) {
	if n := len(p.Problems); n > 0 {
		out = append(out, Count(n, "hub object")+" refused")
	}
	for _, x := range p.refused()[len(p.Problems):] {
		out = append(out, x.brief())
	}
	return out
}

// brief is a shortfall in half a sentence: "run run-1: UpdateRunInitializedFailed", "override
// dev-0 fails on 2 clusters".
func (x *Shortfall) brief() string {
	reason, _, _ := strings.Cut(x.Text, ": ")
	switch kind, name, _ := strings.Cut(x.Object, "/"); {
	case strings.HasPrefix(x.Object, "override "):
		return fmt.Sprintf("%s fails on %s", x.Object, Count(len(x.Clusters), "cluster"))
	case strings.HasPrefix(x.Object, "run "):
		return x.Object + ": " + reason
	case len(x.Clusters) > 0:
		return fmt.Sprintf("%s on %s", reason, Count(len(x.Clusters), "cluster"))
	case strings.HasSuffix(kind, "Placement"):
		return "placement " + name + ": " + reason
	case x.Object == "":
		return x.Text
	}
	return x.Object + ": " + reason
}

// hubLimits compares the shortfalls of a hub change with the budget.
func hubLimits(b blast.Hub, shortfalls []Shortfall) []Limit {
	refused, behind := 0, map[string]bool{}
	for _, x := range shortfalls {
		if x.Refused {
			refused++
			continue
		}
		for _, c := range x.Clusters {
			behind[c] = true
		}
	}
	limit := func(name string, allowed *int, found int) Limit {
		most := 0
		if allowed != nil {
			most = *allowed
		}
		return Limit{Name: name, Allowed: Number(most), Found: Number(found), Exceeded: found > most}
	}
	return []Limit{limit(refusedParts, b.Refused, refused), limit(leftBehind, b.Behind, len(behind))}
}

// The names of the limits of a hub change.
const (
	refusedParts = "refused parts of the hub change"
	leftBehind   = "clusters behind the hub"
)

// Beyond tells whether a shortfall is one that the budget does not allow.
func (r *Report) Beyond(x *Shortfall) bool {
	name := leftBehind
	if x.Refused {
		name = refusedParts
	}
	return slices.ContainsFunc(r.Budget, func(l Limit) bool { return l.Name == name && l.Exceeded })
}

// unshipped says that a hub change does not ship as asked, and why, beyond what the budget
// allows; empty when it ships.
func unshipped(r *Report) string {
	i := slices.IndexFunc(r.Shortfalls, func(x Shortfall) bool { return r.Beyond(&x) })
	if i < 0 {
		return ""
	}
	text := "the hub change does not ship as asked: " + r.Shortfalls[i].brief()
	if n := len(r.Shortfalls) - 1; n > 0 {
		text += " and " + Count(n, "more reason")
	}
	return text
}
