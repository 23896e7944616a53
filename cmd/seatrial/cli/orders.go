package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// orders counts the requests of which policies make something else in another order, by
// these policies.
type orders map[string]int

func (o orders) add(j *verdict.Judgement) {
	if len(j.Unordered) == 0 {
		return
	}
	names := make([]string, len(j.Unordered))
	for i, p := range j.Unordered {
		names[i] = p.String()
	}
	o[strings.Join(names, ", ")]++
}

// notes say what a reader must know of it: production draws the order for each request.
func (o orders) notes() []string {
	var notes []string
	for _, policies := range slices.Sorted(maps.Keys(o)) {
		notes = append(notes, fmt.Sprintf("the mutations of %s depend on each other's order, which Kyverno draws at random for each request: the objects of %s may come out differently; here they ran by name",
			policies, reports.Count(o[policies], "request")))
	}
	return notes
}
