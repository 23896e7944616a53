package source

import (
	fifo "container/list"
	"encoding/json"
	"strconv"

	"github.com/seatrial/seatrial/simulator/capture"
)

// settler puts the writes of an object that are about as old into the order in which they were stored,
// which their answers tell: the clocks of servers differ, and what is stored first is not always
// answered first.
type settler struct {
	take    func(*queued) error
	pending *fifo.List // of stored, the oldest first
	of      map[stateKey]int
}

// stored is an event, and what its answer tells of when it was stored.
type stored struct {
	*queued
	key     stateKey
	version uint64 // 0 where it is not told
	uid     string
	created bool
	gone    bool
}

// mostPending bounds the memory that is needed, of a pipe whose times go backwards too.
const mostPending = 10_000

func newSettler(take func(*queued) error) *settler {
	return &settler{take: take, pending: fifo.New(), of: map[stateKey]int{}}
}

func (s *settler) push(q *queued) error {
	one := storedBy(q)
	place := s.place(one)
	if place == nil {
		s.pending.PushBack(one)
	} else {
		s.pending.InsertBefore(one, place)
	}
	if one.told() {
		s.of[one.key]++
	}
	for {
		first, _ := s.pending.Front().Value.(*stored)
		if s.pending.Len() <= mostPending && !first.at.Before(q.at.Add(-jitter)) {
			return nil
		}
		if err := s.pop(); err != nil {
			return err
		}
	}
}

func (s *settler) flush() error {
	for s.pending.Len() > 0 {
		if err := s.pop(); err != nil {
			return err
		}
	}
	return nil
}

func (s *settler) pop() error {
	first, _ := s.pending.Remove(s.pending.Front()).(*stored)
	if first.told() {
		if s.of[first.key]--; s.of[first.key] == 0 {
			delete(s.of, first.key)
		}
	}
	return s.take(first.queued)
}

// place is the first of the writes of the same object that were stored after one; nil for none.
func (s *settler) place(one *stored) (place *fifo.Element) {
	if !one.told() || s.of[one.key] == 0 {
		return nil
	}
	for at := s.pending.Back(); at != nil; at = at.Prev() {
		other, _ := at.Value.(*stored)
		if !other.told() || other.key != one.key {
			continue
		}
		if !one.before(other) {
			return place
		}
		place = at
	}
	return place
}

// before tells whether a write was stored before another of the same name.
func (w *stored) before(other *stored) bool {
	same := w.uid == other.uid
	switch {
	case w.version > 0 && other.version > 0:
		return w.version < other.version
	case w.uid == "" || other.uid == "":
		return false
	case other.gone:
		return same && !w.gone
	}
	return w.gone && !same && other.created
}

func (w *stored) told() bool { return w.version > 0 || w.uid != "" }

// storedBy reads what the answer to a write tells.
func storedBy(q *queued) *stored {
	w, e := &stored{queued: q}, q.e
	operation := e.operation()
	if operation == "" || operation == capture.Connect || !e.succeeded() || e.dryRun() || e.Stage != "" && e.Stage != "ResponseComplete" {
		return w
	}
	var answer struct {
		Metadata struct{ Name, UID, ResourceVersion string }
		Details  struct{ UID string }
	}
	_ = json.Unmarshal(e.ResponseObject, &answer) // what is of another form tells nothing
	w.key, w.uid, w.version = e.key(), answer.Metadata.UID, number(answer.Metadata.ResourceVersion)
	w.created, w.gone = operation == capture.Create && e.ObjectRef.Subresource == "", operation == capture.Delete
	if w.key.name == "" {
		w.key.name = answer.Metadata.Name
	}
	if w.uid == "" {
		w.uid = answer.Details.UID
	}
	if w.key.name == "" {
		w.uid, w.version = "", 0
	}
	return w
}

// number is a resourceVersion as a number; 0 for none.
func number(version string) uint64 {
	n, _ := strconv.ParseUint(version, 10, 64) // 0 where it is none
	return n
}
