package placement

import "fmt"

func (r *round) pickFixed() {
	if len(r.policy.ClusterNames) == 0 {
		r.condition = pending
		return
	}
	valid := map[string]bool{}
	missing := 0
	for _, name := range r.policy.ClusterNames {
		m := r.member(name)
		switch {
		case m == nil:
			r.reasons[name] = Decision{Reason: fmt.Sprintf("Specified cluster %q is not found", name)}
			missing++
		case m.ineligible(r.at) != "":
			r.reasons[name] = Decision{Reason: fmt.Sprintf("Cluster %q is not eligible for resource placement yet: %s", name, m.ineligible(r.at))}
			missing++
		default:
			valid[name] = true
		}
	}
	for _, b := range r.obsolete() {
		if !valid[b.Cluster] {
			b.unschedule()
		}
	}
	held := r.held()
	for _, name := range r.policy.ClusterNames {
		if valid[name] && !held[name] {
			r.bind(name, nil)
		}
	}
	r.fulfilled(len(valid), len(valid)+missing)
}
