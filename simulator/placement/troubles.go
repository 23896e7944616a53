package placement

import (
	"fmt"
	"strings"
)

// trouble is why a delivery is not done, in KubeFleet's words; "" when it is.
func (d *delivery) trouble() string {
	switch {
	case d.failure != "":
		return d.failure
	case len(d.reported) > 0:
		return "DiffReported: " + strings.Join(d.reported, "; ")
	case d.unreached:
		return "ApplyPending: the member cannot be reached"
	}
	return ""
}

const troubled = 10 // clusters that a line names

// troubles is a line for each trouble, with the clusters that have it: "c1: ApplyFailed: …",
// "3 clusters (c1, c2, c3): ApplyFailed: …". why is by cluster.
func troubles(why map[string]string) string {
	var order []string
	clusters := map[string][]string{}
	for _, cluster := range sortedKeys(why) {
		text := why[cluster]
		if text == "" {
			continue
		}
		if clusters[text] == nil {
			order = append(order, text)
		}
		clusters[text] = append(clusters[text], cluster)
	}
	var lines []string
	for _, text := range order {
		lines = append(lines, someClusters(clusters[text])+": "+text)
	}
	return strings.Join(lines, "\n")
}

// someClusters is one cluster's name, or how many there are and the first of them.
func someClusters(clusters []string) string {
	if len(clusters) == 1 {
		return clusters[0]
	}
	names := strings.Join(clusters[:min(len(clusters), troubled)], ", ")
	if more := len(clusters) - troubled; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%d clusters (%s)", len(clusters), names)
}
