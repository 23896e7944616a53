package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
)

// tries is how often a comparison asks again where a busy machine did not answer: no answer
// is none of the policies'.
const tries = 4

// send sends the member's requests, and those again for which a webhook did not answer. When
// ctx ends, it returns what was answered with the error.
func (c *comparison) send(ctx context.Context, l *live, when string) ([]traffic.Answer, error) {
	start := time.Now()
	answers := l.sender.Replay(ctx, l.Records, c.trafficOf(nil))
	for range tries {
		var at []int
		var again []*capture.Record
		for i, a := range answers {
			if a.Kind == traffic.WebhookError {
				at, again = append(at, i), append(again, l.Records[i])
			}
		}
		if len(at) == 0 {
			break
		}
		if _, err := c.revive(ctx, l); err != nil {
			return nil, err
		}
		for i, a := range l.sender.Replay(ctx, again, c.trafficOf(nil)) {
			answers[at[i]] = a
		}
	}
	c.step(start, l.Name, fmt.Sprintf("%s: %d requests sent", when, len(answers)), "")
	if err := ctx.Err(); err != nil {
		return answers, err
	}
	return answers, lost(answers)
}

// again writes a policy once more that could not be written because Kyverno did not answer,
// or was not ready for it in time: before those come that judge it. A Kyverno that runs and
// makes a policy ready at no second try has stalled: an API server that refuses its webhook
// configurations, for one policy in them, keeps every later one out as well. Those are not
// waited for as long.
func (c *comparison) again(ctx context.Context, l *live, ch *change) {
	for try := 0; try < tries && unsettled(ch.Error) && ctx.Err() == nil; try++ {
		restarted, err := c.revive(ctx, l)
		if err != nil {
			return // the error that there is says why
		}
		if stalled := strings.Contains(ch.Error, notReady) && !restarted; stalled && (try > 0 || l.client.patience != 0) {
			l.client.patience = stalledPatience
			ch.Error += ": Kyverno runs; perhaps the API server refuses its webhook configurations for this policy or one before it"
			return
		}
		ch.Error = ""
		l.client.write(ctx, ch)
	}
	if ch.Error == "" && ch.before == nil {
		l.client.patience = 0 // one that was ready before proves nothing
	}
}

func unsettled(err string) bool {
	return strings.Contains(err, "failed calling webhook") || strings.Contains(err, notReady)
}

// revive starts Kyverno again where it has ended: one that cannot renew its lease in time
// gives up, and nobody else restarts it here.
func (c *comparison) revive(ctx context.Context, l *live) (restarted bool, err error) {
	for _, p := range l.cluster.Status(ctx).Parts {
		if p.Component == cluster.Kyverno && !p.Running {
			start := time.Now()
			if err := l.cluster.Start(ctx, cluster.Kyverno); err != nil {
				return restarted, fmt.Errorf("start Kyverno again: %w", err)
			}
			c.step(start, l.Name, "Kyverno had ended and was started again", "")
			restarted = true
		}
	}
	return restarted, nil
}
