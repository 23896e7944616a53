package traffic

import (
	"cmp"
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Plan says how records are sent. The zero Plan sends dry runs one by one, without waiting.
type Plan struct {
	Real        bool    // requests change the cluster
	Rate        float64 // requests a second at most; 0: no limit
	Compress    float64 // divides the time between records; 0: no waiting
	Concurrency int     // requests in flight at most
}

// Replay sends the records and returns an answer for each, in their place. Records of one
// object go one after the other, in order. When ctx ends, what was not sent is Unjudged.
func (s *Sender) Replay(ctx context.Context, records []*capture.Record, p Plan) []Answer {
	answers := make([]Answer, len(records))
	workers := max(p.Concurrency, 1)
	queues := make([]chan int, workers)
	var group sync.WaitGroup
	for w := range queues {
		queues[w] = make(chan int, len(records))
		group.Go(func() {
			for i := range queues[w] {
				if ctx.Err() != nil {
					answers[i] = Answer{Kind: Unjudged, Reason: "not sent: the rehearsal ended"}
					continue
				}
				answers[i] = s.Send(ctx, records[i], !p.Real)
			}
		})
	}
	pace := newPacer(records, p)
	for i, rec := range records {
		pace.wait(ctx, i, rec)
		queues[lane(rec, workers)] <- i
	}
	for _, q := range queues {
		close(q)
	}
	group.Wait()
	return answers
}

// lane keeps the requests for one object on one worker.
func lane(rec *capture.Record, workers int) int {
	h := fnv.New32a()
	for _, part := range []string{rec.Resource.Group, rec.Resource.Resource, rec.Namespace, rec.Name} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return int(h.Sum32() % uint32(workers))
}

// A pacer says when a record may be sent.
type pacer struct {
	start time.Time
	first *time.Time // of the records' times
	plan  Plan
}

func newPacer(records []*capture.Record, p Plan) *pacer {
	pace := &pacer{start: time.Now(), plan: p}
	for _, r := range records {
		if r.Time != nil {
			pace.first = r.Time
			break
		}
	}
	return pace
}

func (p *pacer) wait(ctx context.Context, i int, rec *capture.Record) {
	var due time.Duration
	if p.plan.Compress > 0 && p.first != nil && rec.Time != nil {
		due = time.Duration(float64(rec.Time.Sub(*p.first)) / p.plan.Compress)
	}
	if p.plan.Rate > 0 {
		due = max(due, time.Duration(float64(i)/p.plan.Rate*float64(time.Second)))
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(p.start.Add(due))):
	}
}

// Sample draws at most n of the records by the seed and keeps their order; 0 keeps all.
func Sample(records []*capture.Record, n int, seed uint64) []*capture.Record {
	if n <= 0 || n >= len(records) {
		return records
	}
	picked := rand.New(rand.NewPCG(seed, uint64(len(records)))).Perm(len(records))[:n]
	slices.Sort(picked)
	out := make([]*capture.Record, n)
	for i, at := range picked {
		out[i] = records[at]
	}
	return out
}

// Percentile is the time within which so many percent of the requests that reached the
// API server were answered: the nearest rank.
func Percentile(answers []Answer, percent float64) time.Duration {
	var took []time.Duration
	for _, a := range answers {
		if a.Code != 0 {
			took = append(took, a.Took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.SortFunc(took, cmp.Compare)
	return took[min(len(took)-1, int(percent/100*float64(len(took))))]
}
