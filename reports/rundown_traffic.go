package reports

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A DeniedBy counts what a policy denied over all stages and clusters.
type DeniedBy struct {
	timeline.Denial
	Clusters int `json:"clusters"`
}

// A TrafficSum is what one cluster answered over all stages. Percentiles do not add up, so
// its latency is that of the stage that answered slowest, by p95.
type TrafficSum struct {
	Cluster  string           `json:"cluster"`
	Sent     int              `json:"sent"`
	Admitted int              `json:"admitted"`
	Denied   int              `json:"denied"`
	Errors   int              `json:"errors"`
	Warned   int              `json:"warned"`
	Unjudged int              `json:"unjudged"`
	Rate     float64          `json:"rate"` // over all stages, by their requests
	Stage    string           `json:"stage"`
	Latency  timeline.Latency `json:"latency"`
	Without  timeline.Latency `json:"without"`
}

// order lists the clusters that named adds: the fleet's in its order, then any others as
// they come.
func order(t *timeline.Timeline, named func(add func(cluster string))) []string {
	used := map[string]bool{}
	var others []string
	named(func(cluster string) {
		if !used[cluster] {
			used[cluster] = true
			others = append(others, cluster)
		}
	})
	out := []string{}
	for _, c := range t.Clusters {
		if used[c.Name] {
			out = append(out, c.Name)
			delete(used, c.Name)
		}
	}
	return append(out, slices.DeleteFunc(others, func(name string) bool { return !used[name] })...)
}

func trafficOf(t *timeline.Timeline) []TrafficSum {
	sums := map[string]*TrafficSum{}
	seconds := map[string]float64{}
	names := order(t, func(add func(string)) {
		for i := range t.Stages {
			for j := range t.Stages[i].Traffic {
				one := &t.Stages[i].Traffic[j]
				add(one.Cluster)
				if sums[one.Cluster] == nil {
					sums[one.Cluster] = &TrafficSum{Cluster: one.Cluster}
				}
				sums[one.Cluster].take(t.Stages[i].Name, one)
				if one.Rate > 0 {
					seconds[one.Cluster] += float64(one.Sent) / one.Rate
				}
			}
		}
	})
	out := make([]TrafficSum, len(names))
	for i, name := range names {
		out[i] = *sums[name]
		if seconds[name] > 0 {
			out[i].Rate = float64(out[i].Sent) / seconds[name]
		}
	}
	return out
}

func (sum *TrafficSum) take(stage string, one *timeline.Traffic) {
	sum.Sent += one.Sent
	sum.Admitted += one.Admitted
	sum.Denied += one.Denied
	sum.Errors += one.Errors
	sum.Warned += one.Warned
	for _, r := range one.Unjudged {
		sum.Unjudged += r.Count
	}
	if sum.Stage == "" || one.Latency.P95 > sum.Latency.P95 {
		sum.Stage, sum.Latency, sum.Without = stage, one.Latency, one.Without
	}
}

// deniedBy keeps the first sample and message of each policy.
func deniedBy(t *timeline.Timeline) []DeniedBy {
	found := map[string]*DeniedBy{}
	clusters := map[[2]string]bool{}
	for i := range t.Stages {
		for _, one := range t.Stages[i].Traffic {
			for _, d := range one.Denials {
				by := found[d.Policy]
				if by == nil {
					by = &DeniedBy{Denial: d}
					by.Count = 0
					found[d.Policy] = by
				}
				by.Count += d.Count
				if at := [2]string{d.Policy, one.Cluster}; !clusters[at] {
					clusters[at] = true
					by.Clusters++
				}
			}
		}
	}
	out := []DeniedBy{}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[name])
	}
	slices.SortStableFunc(out, func(a, b DeniedBy) int { return cmp.Compare(b.Count, a.Count) })
	return out
}
