package existing

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Clusters are opened together; whoever is asked reads one question at a time.
func TestOneQuestionAtATime(t *testing.T) {
	var reading, asked atomic.Int32
	p, err := New(t.TempDir(), func(context.Context, string) error {
		if reading.Add(1) > 1 {
			t.Error("two questions at once")
		}
		time.Sleep(time.Millisecond)
		reading.Add(-1)
		asked.Add(1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := p.ask(t.Context(), "may it be?"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 20 {
		t.Errorf("asked %d times", asked.Load())
	}
}
