package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// slowEngine answers odd records late, so that order is worth something. It judges nothing.
type slowEngine struct {
	failAt int64
	judged atomic.Int64
}

func (e *slowEngine) Judge(ctx context.Context, rec *capture.Record) ([]verdict.Judgement, error) {
	e.judged.Add(1)
	if rec.Seq%2 == 1 {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if rec.Seq == e.failAt {
		return nil, errors.New("broken")
	}
	return []verdict.Judgement{{Message: fmt.Sprint(rec.Seq)}}, nil
}

func records(n int64, fail error) iter.Seq2[*capture.Record, error] {
	return func(yield func(*capture.Record, error) bool) {
		for i := range n {
			if !yield(&capture.Record{Seq: i, Name: "r"}, nil) {
				return
			}
		}
		if fail != nil {
			yield(nil, fail)
		}
	}
}

func run(t *testing.T, e *slowEngine, in iter.Seq2[*capture.Record, error], workers int, stopAt int64) (string, error) {
	t.Helper()
	var seen []string
	err := Run(t.Context(), in, func(string) (Engine, error) { return e, nil }, workers, func(a Answer) error {
		if a.Record.Seq == stopAt {
			return errors.New("sink is full")
		}
		seen = append(seen, a.Sides[0].Message)
		return nil
	})
	return strings.Join(seen, " "), err
}

func TestOrderIsTheCapturesWhateverTheWorkers(t *testing.T) {
	want, err := run(t, &slowEngine{failAt: -1}, records(200, nil), 1, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{0, 2, 8, 64} {
		got, err := run(t, &slowEngine{failAt: -1}, records(200, nil), workers, -1)
		if err != nil || got != want {
			t.Errorf("%d workers: %v, %q", workers, err, got)
		}
	}
}

func TestTheEarliestErrorEndsTheRun(t *testing.T) {
	for name, test := range map[string]struct {
		engine *slowEngine
		in     iter.Seq2[*capture.Record, error]
		stopAt int64
		want   string
	}{
		"engine": {&slowEngine{failAt: 40}, records(200, nil), -1, "replay record 40 ( r"},
		"reader": {&slowEngine{failAt: -1}, records(50, errors.New("cut")), -1, "cut"},
		"sink":   {&slowEngine{failAt: -1}, records(200, nil), 10, "sink is full"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, err := run(t, test.engine, test.in, 4, test.stopAt)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "  ", " "), strings.TrimSuffix(test.want, " r")) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if n := test.engine.judged.Load(); name == "sink" && n > 10+4*(perWorker+2) {
				t.Errorf("judged %d records after the sink had refused number 10: the run does not stop", n)
			}
			_ = seen
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(ctx, records(200, nil), func(string) (Engine, error) { return &slowEngine{failAt: -1}, nil }, 4, func(Answer) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the cancellation", err)
	}
}
