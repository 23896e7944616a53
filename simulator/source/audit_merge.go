package source

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
)

// queued is an event on its way from a log. Its time is not before that of the events that its log has
// before it.
type queued struct {
	e    *event
	at   time.Time
	file string
	line int
	came int // before which others
}

// readLogs reads the events of logs, or of folders of them, in the order of their times: those of
// several servers side by side.
func (a *auditor) readLogs(ctx context.Context, names []string, stdin io.Reader) error {
	var logs []string
	for _, name := range names {
		some, err := logsOf(name)
		if err != nil {
			return fmt.Errorf(": %w", err)
		}
		logs = append(logs, some...)
	}
	files, err := scanLogs(ctx, logs)
	if err != nil {
		return err
	}
	a.sum.Files += len(files)
	sequences := inTurn(files)
	take := func(q *queued) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return a.event(q.e, capture.Origin{Source: "audit", File: q.file, Line: q.line, ID: q.e.AuditID})
	}
	finish := func() error { return nil }
	if a.mixed = len(sequences) > 1 || slices.ContainsFunc(files, func(f logFile) bool { return f.pipe || f.late > jitter }); a.mixed {
		s := newSettler(take)
		take, finish = s.push, s.flush
	}
	if err := merge(a.each(sequences, len(files), stdin), take); err != nil {
		return err
	}
	slices.SortStableFunc(a.sum.Skipped, func(x, y capture.Skipped) int { return cmp.Compare(x.File, y.File) })
	return finish()
}

// each are the events of every sequence of logs.
func (a *auditor) each(sequences [][]logFile, of int, stdin io.Reader) (all []iter.Seq2[*queued, error]) {
	for _, files := range sequences {
		all = append(all, func(yield func(*queued, error) bool) {
			var at time.Time
			for _, file := range files {
				if !a.eachOf(file, of, &at, stdin, yield) {
					return
				}
			}
		})
	}
	return all
}

var errStop = errors.New("no more is asked for")

// eachOf yields the events of a log. One that is out of the order of its times is put in order, in as
// much memory as that takes.
func (a *auditor) eachOf(file logFile, of int, at *time.Time, stdin io.Reader, yield func(*queued, error) bool) bool {
	var waiting inOrder
	var last time.Time // of all that is read
	give := func(q *queued) error {
		if q.e.late = q.at.Before(at.Add(-jitter)); q.e.late {
			a.sum.Audit.Late++
		}
		if q.at.Before(*at) {
			q.at = *at
		}
		if *at = q.at; !yield(q, nil) {
			return errStop
		}
		return nil
	}
	err := eachEvent(file.name, stdin, func(e *event, line int) error {
		q := &queued{e: e, at: e.answered(), file: file.name, line: line}
		if q.at.IsZero() {
			q.at = last
			if last.IsZero() {
				q.at = *at
			}
			if of > 1 {
				a.sum.Audit.Timeless++
			}
		}
		if q.at.After(last) {
			last = q.at
		}
		if file.late <= jitter {
			return give(q)
		}
		waiting.add(q)
		for len(waiting.all) > 0 && !waiting.all[0].at.After(last.Add(-file.late)) {
			if err := give(waiting.next()); err != nil {
				return err
			}
		}
		return nil
	}, func(line int, reason string) {
		a.sum.Skipped = append(a.sum.Skipped, capture.Skipped{Cluster: a.cluster, File: file.name, Line: line, Reason: reason})
	})
	for err == nil && len(waiting.all) > 0 {
		err = give(waiting.next())
	}
	if err != nil && !errors.Is(err, errStop) {
		yield(nil, fmt.Errorf(" %s: %w", file.name, err))
	}
	return err == nil
}

// answered is when the request was answered: a write was stored before that, and not long before. When
// it was received, others may have been on their way for long. Zero where the event has no time.
func (e *event) answered() time.Time {
	for _, t := range []*time.Time{e.StageTime, e.Timestamp, e.Received} {
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

// merge calls take for the events of sequences, in the order of their times; for those of the same
// time, of their files.
func merge(sequences []iter.Seq2[*queued, error], take func(*queued) error) error {
	var heads inOrder
	rest := map[*queued]func() (*queued, error, bool){}
	pull := func(next func() (*queued, error, bool)) error {
		q, err, ok := next()
		if ok && err == nil {
			heads.add(q)
			rest[q] = next
		}
		return err
	}
	for _, sequence := range sequences {
		next, stop := iter.Pull2(sequence)
		defer stop()
		if err := pull(next); err != nil {
			return err
		}
	}
	for len(heads.all) > 0 {
		q := heads.next()
		next := rest[q]
		delete(rest, q)
		if err := cmp.Or(take(q), pull(next)); err != nil {
			return err
		}
	}
	return nil
}

// inOrder gives events in the order of their times; those of the same time as they stand in their
// files, or came.
type inOrder struct {
	all   []*queued
	count int
}

func (o *inOrder) add(q *queued) {
	o.count++
	q.came = o.count
	heap.Push(o, q)
}

func (o *inOrder) next() *queued {
	q, _ := heap.Pop(o).(*queued)
	return q
}

func (o *inOrder) Len() int      { return len(o.all) }
func (o *inOrder) Swap(i, j int) { o.all[i], o.all[j] = o.all[j], o.all[i] }
func (o *inOrder) Push(q any)    { one, _ := q.(*queued); o.all = append(o.all, one) }

func (o *inOrder) Less(i, j int) bool {
	x, y := o.all[i], o.all[j]
	return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.file, y.file), cmp.Compare(x.line, y.line), cmp.Compare(x.came, y.came)) < 0
}

func (o *inOrder) Pop() any {
	end := len(o.all) - 1
	q := o.all[end]
	o.all[end] = nil
	o.all = o.all[:end]
	return q
}
