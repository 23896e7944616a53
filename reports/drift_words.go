package reports

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/simulator/drift"
)

// DriftWords are a state in words: "weakened", "own exception".
func DriftWords(s drift.State) string {
	if words, ok := map[drift.State]string{
		drift.InSync: "in sync", drift.NotEvaluated: "not evaluated", drift.LeftBehind: "left behind", drift.OtherVersion: "other version",
		drift.ExceptionUnknown: "exception unknown to the hub", drift.ExceptionExpired: "exception expired", drift.ExceptionWide: "exception wider than used",
		drift.ExceptionNeedless: "exception not needed", drift.ExceptionUnused: "exception unused",
	}[s]; ok {
		return words
	}
	return string(s)
}

// driftHeadline says first what differs, then what could not be told.
func driftHeadline(d *Drift) string {
	t := d.Totals
	var open string
	if n := t.NotCaptured; n > 0 {
		open = fmt.Sprintf("; %s not in the capture", isAre(n, "cluster"))
	}
	if n := uncaptured(d); n > 0 {
		open += fmt.Sprintf("; %s not captured in clusters that are", isAre(n, "object"))
	}
	if t.Drifted == 0 {
		if t.InSync == t.Clusters {
			if t.Clusters == 1 {
				return "The cluster holds what the hub intends"
			}
			return fmt.Sprintf("All %s what the hub intends", holds(t.Clusters))
		}
		return fmt.Sprintf("%s of %s what the hub intends%s", Number(t.InSync), holds(t.Clusters), open)
	}
	var parts []string
	for _, kind := range drift.Kinds() {
		if n := t.Findings[kind]; n > 0 {
			words := DriftWords(kind)
			if n > 1 {
				words = strings.Replace(words, "exception ", "exceptions ", 1)
			}
			parts = append(parts, Number(n)+" "+words)
		}
	}
	who := fmt.Sprintf("%s of %s", Number(t.Drifted), differs(t.Clusters))
	if t.Clusters == 1 {
		who = "The cluster differs"
	}
	return fmt.Sprintf("%s from what the hub intends: %s%s", who, strings.Join(parts, ", "), open)
}

// uncaptured counts what could not be compared in clusters that are in the capture.
func uncaptured(d *Drift) int {
	n := 0
	for i := range d.NotEvaluated {
		n += len(d.NotEvaluated[i].Objects) * len(d.NotEvaluated[i].Clusters)
	}
	return n
}

func isAre(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return Number(n) + " " + noun + "s are"
}

func holds(n int) string {
	if n == 1 {
		return "1 cluster holds"
	}
	return Number(n) + " clusters hold"
}

func differs(n int) string { return Number(n) + " clusters differ" }
