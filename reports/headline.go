package reports

import (
	"fmt"
	"strings"
)

// headline says the answer in one sentence: what breaks, where, and when it bites first;
// then how the rehearsal went.
func headline(r *Report) string {
	switch {
	case r.Rehearsal == nil:
		return prediction(r)
	case !r.Predicted():
		return r.Rehearsal.Scenario + " " + rehearsalHeadline(r.Rehearsal)
	}
	return prediction(r) + "; " + rehearsalHeadline(r.Rehearsal)
}

func prediction(r *Report) string {
	if why := unshipped(r); why != "" {
		return why + "; of what ships, " + predicted(r)
	}
	return predicted(r)
}

func predicted(r *Report) string {
	denied := r.Totals.ChangedWorkloads[NewlyDenied]
	judged := r.Totals.Requests - r.Totals.OutOfScope
	if denied == 0 {
		if first := bitesFirst(r.Stages); first != "" { // a later stage takes it back
			return first + "; in the end " + calm(r, judged)
		}
		return calm(r, judged)
	}
	where := places(r)
	text := fmt.Sprintf("%s in %s would be newly denied", Count(denied, "workload"), where)
	if first := bitesFirst(r.Stages); first != "" {
		text = first + "; in the end " + text
	}
	if bites := bitesOf(r); bites != "" {
		text += ": " + bites
	}
	if u := r.Totals.ChangedRequests[Undecided]; u > 0 {
		text += fmt.Sprintf("; %s could not be decided", Count(u, "request"))
	}
	return text
}

func calm(r *Report, judged int) string {
	var parts []string
	for _, class := range []Class{Error, Undecided, NewlyFailing, NewlyWarned, MutationChanged, GenerationChanged, NewlyAllowed, Resolved} {
		if n := r.Totals.ChangedRequests[class]; n > 0 {
			parts = append(parts, Count(n, "request")+" "+inWords(class))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("nothing changes: %s judged under both policy sets with the same answers", Count(judged, "request"))
	}
	return fmt.Sprintf("nothing newly denied among %s; %s", Count(judged, "request"), strings.Join(parts, ", "))
}

func inWords(c Class) string {
	switch c {
	case Error:
		return "in error"
	case Undecided:
		return "undecided"
	case NewlyFailing:
		return "newly failing in audit"
	case NewlyWarned:
		return "newly warned"
	case MutationChanged:
		return "mutated differently"
	case GenerationChanged:
		return "with other generated objects"
	case NewlyAllowed:
		return "newly allowed"
	case Resolved:
		return "resolved"
	}
	return strings.ReplaceAll(string(c), "-", " ")
}

// places counts the namespaces and clusters with newly denied workloads.
func places(r *Report) string {
	namespaces, clusters := 0, 0
	only := ""
	for _, g := range r.Namespaces {
		if g.Workloads[NewlyDenied] > 0 {
			namespaces++
		}
	}
	for _, c := range r.Clusters {
		if c.Workloads[NewlyDenied] > 0 {
			clusters++
			only = c.Name
		}
	}
	if clusters == 1 {
		return fmt.Sprintf("%s of cluster %s", Count(namespaces, "namespace"), only)
	}
	return fmt.Sprintf("%s of %s", Count(namespaces, "namespace"), Count(clusters, "cluster"))
}

func bitesOf(r *Report) string {
	found := map[Bite]int{}
	for _, w := range r.Workloads {
		if len(w.Bites) > 0 {
			found[w.Bites[0]]++
		}
	}
	var parts []string
	for _, b := range []struct {
		bite Bite
		say  string
	}{{BitesNow, "at once"}, {NextRestart, "at the next restart"}, {NextRollout, "at the next rollout"}, {NextChange, "at the next change"}, {NextCreation, "when made anew"}} {
		if n := found[b.bite]; n > 0 {
			parts = append(parts, Number(n)+" "+b.say)
		}
	}
	return strings.Join(parts, ", ")
}
