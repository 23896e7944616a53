package placement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An overrideSnapshot is a revision of an override. Bindings name snapshots, never overrides.
type overrideSnapshot struct {
	*override
	index int
	hash  string
}

// id is the snapshot as bindings name it: "dev-audit-0", of ResourceOverrides with the
// namespace: "team-a/x-0".
func (s overrideSnapshot) id() string {
	if s.Namespace != "" {
		return s.Namespace + "/" + s.snapshotName()
	}
	return s.snapshotName()
}

func (s overrideSnapshot) snapshotName() string { return fmt.Sprintf("%s-%d", s.Name, s.index) }

// key is the override whose snapshot it is.
func (s overrideSnapshot) key() string { return s.kind + "/" + s.Namespace + "/" + s.Name }

// pinned tells whether a change of the override starts a rollout by itself.
func (s overrideSnapshot) pinned() bool { return s.spec.Placement != nil }

// overrideBook holds the latest snapshot of every override of a hub.
type overrideBook map[string]overrideSnapshot

// observe takes the overrides of a hub's new state: those that differ from their latest
// snapshot get the next index, those that are gone lose theirs. It returns what changed,
// in the order of keys; of the deleted ones the last snapshot.
func (b overrideBook) observe(overrides []*override) []overrideSnapshot {
	var changed []overrideSnapshot
	seen := map[string]bool{}
	for _, o := range overrides {
		next := overrideSnapshot{override: o, hash: hashOf(o.spec)}
		seen[next.key()] = true
		known, ok := b[next.key()]
		if ok && known.hash == next.hash {
			known.override = o // another file or line
			b[next.key()] = known
			continue
		}
		if ok {
			next.index = known.index + 1
		}
		b[next.key()] = next
		changed = append(changed, next)
	}
	for _, key := range sortedKeys(b) {
		if !seen[key] {
			changed = append(changed, b[key])
			delete(b, key)
		}
	}
	slices.SortFunc(changed, func(x, y overrideSnapshot) int { return strings.Compare(x.key(), y.key()) })
	return changed
}

func (b overrideBook) latest() []overrideSnapshot {
	var out []overrideSnapshot
	for _, key := range sortedKeys(b) {
		out = append(out, b[key])
	}
	return out
}

// overrideHistory is how many snapshots of an override are kept; hard-coded in KubeFleet.
const overrideHistory = 10

// missing is KubeFleet's text for a snapshot that is not there any more: its override was
// deleted, or has changed too often since. Empty when all are there.
func (b overrideBook) missing(snapshots []overrideSnapshot) string {
	for _, s := range snapshots {
		if latest, ok := b[s.key()]; !ok || latest.index-s.index >= overrideHistory {
			return fmt.Sprintf("%sSnapshot %s is not found", strings.ToLower(s.kind[:1])+s.kind[1:], s.id())
		}
	}
	return ""
}

// hashOf digests the JSON form of a value.
func hashOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = fmt.Appendf(nil, "%+v", v)
	}
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
