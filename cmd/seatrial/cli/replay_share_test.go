package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// counting is an engine that counts what it judges.
type counting struct{ judged *atomic.Int32 }

func (c counting) Judge(_ context.Context, rec *capture.Record) ([]verdict.Judgement, error) {
	c.judged.Add(1)
	return []verdict.Judgement{{}}, nil
}

// TestSharedMembersAnswerAsIfEachWereJudged runs members of two captured clusters, with
// records, pods of templates among them, in turn: the answers and their order are those of
// a replay that judges every member.
func TestSharedMembersAnswerAsIfEachWereJudged(t *testing.T) {
	one, other := policy.FromObjects("one", nil), policy.FromObjects("other", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "p", JSON: []byte(`{}`)}})
	course := func(member, world string, set *policy.Set) hubs.Course {
		return hubs.Course{Member: member, World: world, Sets: []*policy.Set{set}, Side: []int{0}}
	}
	courses := []hubs.Course{course("a", "w", one), course("b", "w", other), course("c", "w", one), course("d", "v", one), course("e", "w", other)}
	shared := share(courses)
	alone := share(courses)
	for _, c := range courses {
		alone.first[c.Member] = c.Member
	}
	alone.firsts = alone.members

	records := func(s *sharing) iter.Seq2[*capture.Record, error] {
		return func(yield func(*capture.Record, error) bool) {
			for seq, world := range []string{"w", "v", "w", "w"} {
				for _, m := range s.firsts[world] {
					rec := &capture.Record{Seq: int64(seq), Cluster: m}
					pod := &capture.Record{Seq: int64(seq), Cluster: m, TemplateOf: rec}
					if !yield(rec, nil) || seq%2 == 0 && !yield(pod, nil) {
						return
					}
				}
			}
		}
	}
	answers := func(s *sharing) (out []string, judged int32) {
		var n atomic.Int32
		find := func(string) (replay.Engine, error) { return counting{&n}, nil }
		err := s.run(t.Context(), records(s), find, 3, func(a replay.Answer) error {
			out = append(out, fmt.Sprintf("%d %s pod %t", a.Record.Seq, a.Record.Cluster, a.Record.TemplateOf != nil))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out, n.Load()
	}
	got, few := answers(shared)
	want, many := answers(alone)
	if d := cmp.Diff(want, got); d != "" || !slices.Contains(want, "2 c pod true") {
		t.Errorf("-each judged +shared:\n%s", d)
	}
	if few != 11 || many != 21 {
		t.Errorf("%d judged for %d answers, want 11 for 21", few, many)
	}
}
