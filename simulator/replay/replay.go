// Package replay runs an engine over the records of a capture: in parallel, streaming,
// in order. [Run] hands every record to the engine of its cluster and every answer to a
// sink, in the order of the capture whatever the number of workers, holding no more than
// a window of records at a time.
//
// The engine is an interface, so that another one — or a live cluster — can answer the
// same records. simulator/replay/kyverno has Kyverno's.
package replay

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Engine judges one record under every side of a comparison, in the sides' order. An
// error means that no answer can be trusted; what concerns one rule is in its verdict.
type Engine interface {
	Judge(ctx context.Context, rec *capture.Record) ([]verdict.Judgement, error)
}

// Answer is one record and what each side says of it.
type Answer struct {
	Record *capture.Record
	Sides  []verdict.Judgement
}

// perWorker is how many records a worker may be ahead of the sink.
const perWorker = 32

// task is one record on its way; done is closed when the answer or the error is there.
type task struct {
	answer Answer
	err    error
	done   chan struct{}
}

// Run judges records with workers goroutines (at least one) and calls sink for each, in
// order, from one goroutine. It stops at the first error of records, engine or sink; of
// several, the one of the earliest record is returned.
func Run(ctx context.Context, records iter.Seq2[*capture.Record, error], engineFor func(cluster string) (Engine, error), workers int, sink func(Answer) error) error {
	workers = max(workers, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *task, workers)
	inOrder := make(chan *task, workers*perWorker)
	go read(ctx, records, queue, inOrder)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for t := range queue {
				t.err = t.judge(ctx, engineFor)
				close(t.done)
			}
		})
	}
	err := drain(inOrder, sink)
	cancel()
	for t := range inOrder { // let the reader finish
		<-t.done
	}
	group.Wait()
	return err
}

// read puts every record into both channels; a reading error travels as a task of its own.
func read(ctx context.Context, records iter.Seq2[*capture.Record, error], queue, inOrder chan<- *task) {
	defer close(inOrder)
	defer close(queue)
	for rec, err := range records {
		t := &task{answer: Answer{Record: rec}, err: err, done: make(chan struct{})}
		if err == nil {
			err = ctx.Err()
			t.err = err
		}
		if err != nil {
			close(t.done)
			inOrder <- t
			return
		}
		inOrder <- t
		queue <- t
	}
}

func (t *task) judge(ctx context.Context, engineFor func(string) (Engine, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rec := t.answer.Record
	engine, err := engineFor(rec.Cluster)
	if err != nil {
		return err
	}
	t.answer.Sides, err = engine.Judge(ctx, rec)
	if err != nil {
		return fmt.Errorf("replay record %d (%s %s %s/%s): %w", rec.Seq, rec.Operation, rec.Kind.Kind, rec.Namespace, rec.Name, err)
	}
	return nil
}

func drain(inOrder <-chan *task, sink func(Answer) error) error {
	for t := range inOrder {
		<-t.done
		if t.err != nil {
			return t.err
		}
		if err := sink(t.answer); err != nil {
			return err
		}
	}
	return nil
}
