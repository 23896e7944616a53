package cli

import (
	"context"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// members says what the members of a fleet take, as their own admission would: Kyverno's
// validation of policies, in the world of the captured cluster that stands for a member, or
// in one of which nothing is known. Each content is looked at once in each world.
type members struct {
	ctx      context.Context
	compiler *kyverno.Compiler
	capture  *capture.Capture  // nil: none
	worlds   map[string]string // by member: the captured cluster
	unknown  *capture.World
	asked    map[refusalKey]string
	err      error // ours: the first that a question met
}

type refusalKey struct{ world, object string }

func newMembers(ctx context.Context, at time.Time, c *capture.Capture, worlds map[string]string) (*members, error) {
	unknown, err := capture.NewWorld(capture.Cluster{Name: "member"})
	if err != nil {
		return nil, unanswered(err)
	}
	return &members{
		ctx: ctx, compiler: kyverno.NewCompiler(kyverno.Options{At: at}), capture: c, worlds: worlds,
		unknown: unknown, asked: map[refusalKey]string{},
	}, nil
}

// refuses is the reason for which a member would not take a policy; "" when it would.
func (m *members) refuses(member string, o policy.Object) string {
	key := refusalKey{m.worlds[member], o.Kind + " " + o.Namespace + "/" + o.Name + " " + o.Digest}
	reason, ok := m.asked[key]
	if !ok {
		reason = m.ask(key.world, o)
		m.asked[key] = reason
	}
	return reason
}

func (m *members) ask(world string, o policy.Object) string {
	w := m.unknown
	if world != "" && m.capture != nil {
		w = m.capture.World(world)
	}
	program, err := m.compiler.Compile(m.ctx, policy.FromObjects("hub", []policy.Object{o}), w)
	switch {
	case err != nil && m.err == nil:
		m.err = err
	case err == nil && len(program.Rejected) > 0:
		return program.Rejected[0].Reason
	}
	return ""
}
