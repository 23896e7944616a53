package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
)

// entry is what comes next in a log: an event, or why there is none.
type entry struct {
	event  *event
	line   int
	reason string
	err    error
}

// errEnough ends the reading of a log.
var errEnough = errors.New("enough")

// entries are those of a log, in its order.
func entries(name string, stdin io.Reader) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		more := true
		err := eachEvent(name, stdin, func(e *event, line int) error {
			if more = more && yield(entry{event: e, line: line}); !more {
				return errEnough
			}
			return nil
		}, func(line int, reason string) { more = more && yield(entry{line: line, reason: reason}) })
		if more && err != nil {
			yield(entry{err: err})
		}
	}
}

// source is a log that is being read.
type source struct {
	name string
	next func() (entry, bool)
	head entry
	ends bool
}

// at is when the head of a log was over; zero where it does not say: it comes next.
func (s *source) at() time.Time {
	switch e := s.head.event; {
	case e == nil:
	case e.StageTime != nil:
		return *e.StageTime
	case e.time() != nil:
		return *e.time()
	}
	return time.Time{}
}

// readLogs reads logs side by side: of their next events, always that which was over first.
func (a *auditor) readLogs(ctx context.Context, names []string, stdin io.Reader) error {
	var logs []*source
	for _, name := range names {
		a.sum.Files++
		next, stop := iter.Pull(entries(name, stdin))
		defer stop()
		s := &source{name: name, next: next}
		s.head, s.ends = s.advance()
		logs = append(logs, s)
	}
	for {
		s := earliest(logs)
		if s == nil {
			return nil
		}
		if err := a.take(ctx, s.name, s.head); err != nil {
			return fmt.Errorf("read audit log %s: %w", s.name, err)
		}
		s.head, s.ends = s.advance()
	}
}

func (s *source) advance() (entry, bool) {
	head, ok := s.next()
	return head, !ok
}

// earliest is the log whose next event comes first; nil when all have ended.
func earliest(logs []*source) (first *source) {
	for _, s := range logs {
		if !s.ends && (first == nil || s.at().Before(first.at())) {
			first = s
		}
	}
	return first
}

func (a *auditor) take(ctx context.Context, log string, e entry) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case e.err != nil:
		return e.err
	case e.event == nil:
		a.sum.Skipped = append(a.sum.Skipped, capture.Skipped{Cluster: a.cluster, File: log, Line: e.line, Reason: e.reason})
		return nil
	}
	return a.event(e.event, capture.Origin{Source: "audit", File: log, Line: e.line, ID: e.event.AuditID})
}
