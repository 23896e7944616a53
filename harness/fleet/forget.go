package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/cluster"
)

// A forgetter can give up a cluster without reaching it, and says what may be left there.
type forgetter interface {
	Forget(name string) (left string, err error)
}

// Forget removes a fleet as [Down] does. A cluster that cannot be reached, and that was there
// before the fleet, is given up: left says what may still be there.
func Forget(ctx context.Context, p cluster.Provider) (removed, left []string, err error) {
	names, err := p.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(8)
	for _, n := range names {
		group.Go(func() error {
			failed := p.Delete(ctx, n)
			f, can := p.(forgetter)
			if failed == nil || ctx.Err() != nil || !can {
				return failed
			}
			what, err := f.Forget(n)
			if err != nil {
				return failed
			}
			mu.Lock()
			defer mu.Unlock()
			left = append(left, fmt.Sprintf("cluster %s is forgotten; %s", n, what))
			return nil
		})
	}
	err = group.Wait()
	slices.Sort(left)
	if err != nil {
		return nil, left, err
	}
	return names, left, p.Close(ctx)
}

// Forget gives up a cluster of whichever provider can and has it.
func (m Mixed) Forget(name string) (string, error) {
	for _, p := range m {
		f, ok := p.(forgetter)
		if !ok {
			continue
		}
		left, err := f.Forget(name)
		if !errors.Is(err, cluster.ErrNotFound) {
			return left, err
		}
	}
	return "", fmt.Errorf("cluster %s: %w", name, cluster.ErrNotFound)
}
