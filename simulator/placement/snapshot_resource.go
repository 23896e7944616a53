package placement

import (
	"fmt"
	"time"

	"github.com/seatrial/seatrial/simulator/policy"
)

// The hub agent's defaults: changes of selected objects are collected before they become a
// snapshot, and snapshots keep a distance. Sources: --resource-changes-collection-duration,
// --resource-snapshot-creation-minimum-interval.
const (
	collectionDuration = 15 * time.Second
	snapshotInterval   = 30 * time.Second
)

// defaultHistory is how many snapshots a placement keeps that does not say.
const defaultHistory = 10

// A resourceSnapshot is what a placement selected at one time, in the order of application.
type resourceSnapshot struct {
	index   int
	hash    string
	objects []policy.Object
	at      time.Duration // when it was made
}

// A history holds the resource snapshots of a placement, the oldest first.
type history []resourceSnapshot

// latest is the snapshot that rollouts ship; nil before the first.
func (h history) latest() *resourceSnapshot {
	if len(h) == 0 {
		return nil
	}
	return &h[len(h)-1]
}

func (h history) find(index int) *resourceSnapshot {
	for i := range h {
		if h[i].index == index {
			return &h[i]
		}
	}
	return nil
}

// due is when a snapshot of content that was seen at a time can be made. The first is made
// at once; ok is false when the latest holds the same content.
func (h history) due(objects []policy.Object, seen time.Duration) (at time.Duration, ok bool) {
	last := h.latest()
	if last == nil {
		return seen, true
	}
	if last.hash == hashObjects(objects) {
		return 0, false
	}
	return max(seen+collectionDuration, last.at+snapshotInterval), true
}

// add makes a snapshot unless the latest holds the same content; older content that comes
// back gets a new index. At most limit snapshots are kept, the new one included.
func (h *history) add(objects []policy.Object, limit int, at time.Duration) *resourceSnapshot {
	hash := hashObjects(objects)
	last := h.latest()
	if last != nil && last.hash == hash {
		return last
	}
	next := resourceSnapshot{hash: hash, objects: objects, at: at}
	if last != nil {
		next.index = last.index + 1
	}
	*h = append(*h, next)
	if limit < 1 {
		limit = defaultHistory
	}
	if n := len(*h); n > limit {
		*h = append(history(nil), (*h)[n-limit:]...)
	}
	return h.latest()
}

func (p *placement) historyLimit() int {
	if p.spec.RevisionHistoryLimit == nil {
		return defaultHistory
	}
	return *p.spec.RevisionHistoryLimit
}

// hashObjects digests the content of objects in their order.
func hashObjects(objects []policy.Object) string {
	contents := make([]string, len(objects))
	for i, o := range objects {
		contents[i] = string(o.JSON)
	}
	return hashOf(contents)
}

// snapshotName is the name of a placement's master resource snapshot.
func snapshotName(placement string, index int) string {
	return fmt.Sprintf("%s-%d-snapshot", placement, index)
}
