package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/blast"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// scanning is an engine whose answers are those of the background scan.
type scanning struct{ *kyverno.Engine }

// Judge scans the record's object.
func (s scanning) Judge(ctx context.Context, rec *capture.Record) ([]verdict.Judgement, error) {
	sides, err := s.Scan(ctx, rec)
	out := make([]verdict.Judgement, len(sides))
	for i := range sides {
		out[i].Verdicts = sides[i]
	}
	return out, err
}

// scan foretells the PolicyReports of what is there at the end of the capture.
func (q *question) scan(ctx context.Context, engines map[string]*kyverno.Engine) error {
	meter := blast.NewScanMeter()
	find := func(cluster string) (replay.Engine, error) { return scanning{engines[cluster]}, nil }
	err := replay.Run(ctx, replay.Objects(q.capture.Records), find, q.workers, func(a replay.Answer) error {
		meter.Add(a.Record, a.Sides[0].Verdicts, a.Sides[1].Verdicts)
		return nil
	})
	q.found = meter.Scan()
	q.notes = append(q.notes, unread(engines)...)
	return err
}

// unread says what the scans left out, each once, and in which clusters.
func unread(engines map[string]*kyverno.Engine) []string {
	in := map[string][]string{}
	for _, cluster := range slices.Sorted(maps.Keys(engines)) {
		for _, note := range engines[cluster].Unread() {
			in[note] = append(in[note], cluster)
		}
	}
	var notes []string
	for _, note := range slices.Sorted(maps.Keys(in)) {
		clusters := in[note]
		if more := len(clusters) - 3; more > 0 {
			clusters = append(clusters[:3:3], fmt.Sprintf("%d more", more))
		}
		notes = append(notes, note+" (in "+strings.Join(clusters, ", ")+")")
	}
	return notes
}
