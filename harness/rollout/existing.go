package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/seatrial/seatrial/harness/cluster/existing"
)

// wasThere says whether a cluster was there before the rehearsal, with its own world and policies.
func (l *live) wasThere() bool { return l.cluster.Spec().Provider == existing.Kind }

// asItIs measures how a cluster answers that was there before: nothing is loaded into it, and
// what the capture says is installed is taken to be.
func (r *rehearsal) asItIs(ctx context.Context, l *live) error {
	start := time.Now()
	l.before = l.sender.Replay(ctx, l.Records, r.trafficOf(nil))
	r.step(start, l.Name, fmt.Sprintf("%d requests sent before the rollout, as dry runs", len(l.before)), "")
	r.compare(l, "before the rollout", l.Sets[0], l.before)
	return lost(l.before)
}
