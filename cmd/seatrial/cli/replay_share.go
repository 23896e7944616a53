package cli

import (
	"context"
	"iter"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay"
)

// sharing puts members together that are alike: they have the same policies at every stage,
// and one captured cluster stands for them. The first of them is judged, and every one of
// them is told of what was found.
type sharing struct {
	members map[string][]string // by captured cluster: those that it stands for, in fleet order
	firsts  map[string][]string // by captured cluster: those that are judged
	first   map[string]string   // by member: the one that is judged for it
}

func share(courses []hubs.Course) *sharing {
	s := &sharing{map[string][]string{}, map[string][]string{}, map[string]string{}}
	judged := map[string][]hubs.Course{} // by captured cluster
	for _, c := range courses {
		s.members[c.World] = append(s.members[c.World], c.Member)
		for _, other := range judged[c.World] {
			if hubs.Alike(c, other) {
				s.first[c.Member] = other.Member
				break
			}
		}
		if s.first[c.Member] == "" {
			s.first[c.Member] = c.Member
			s.firsts[c.World] = append(s.firsts[c.World], c.Member)
			judged[c.World] = append(judged[c.World], c)
		}
	}
	return s
}

// records are the capture's, once for each member that is judged for its cluster.
func (s *sharing) records(c *capture.Capture) func() iter.Seq2[*capture.Record, error] {
	return func() iter.Seq2[*capture.Record, error] {
		return func(yield func(*capture.Record, error) bool) {
			for rec, err := range c.Records() {
				if err != nil {
					yield(nil, err)
					return
				}
				for _, m := range s.firsts[rec.Cluster] {
					if !yield(as(rec, m), nil) {
						return
					}
				}
			}
		}
	}
}

// as is a record as a member's.
func as(rec *capture.Record, member string) *capture.Record {
	out := *rec
	out.Cluster = member
	return &out
}

// run judges the records and answers for every member, in the order in which it would if
// each were judged: record by record, with the pods that its controller makes after it, and
// of each record member by member.
func (s *sharing) run(ctx context.Context, records iter.Seq2[*capture.Record, error], find func(string) (replay.Engine, error), workers int, answer func(replay.Answer) error) error {
	world := map[string]string{}
	for w, members := range s.members {
		for _, m := range members {
			world[m] = w
		}
	}
	batch := map[string][]replay.Answer{} // of one record, by the member that was judged
	at := ""                              // the batch's captured cluster
	led := false                          // the batch began with what comes before its record
	flush := func() error {
		for _, m := range s.members[at] {
			for _, a := range batch[s.first[m]] {
				a.Record = as(a.Record, m)
				if err := answer(a); err != nil {
					return err
				}
			}
		}
		clear(batch)
		return nil
	}
	err := replay.Run(ctx, records, find, workers, func(a replay.Answer) error {
		of := world[a.Record.Cluster]
		if a.Record.TemplateOf == nil && a.Record.Cluster == s.firsts[of][0] {
			if !led { // an update comes before what it is of
				if err := flush(); err != nil {
					return err
				}
			}
			led = a.Record.Again
		}
		at = of
		batch[a.Record.Cluster] = append(batch[a.Record.Cluster], a)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
