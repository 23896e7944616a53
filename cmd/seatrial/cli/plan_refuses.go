package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// servers are the API servers of a hub and its members, which hold the definitions of this
// Kyverno's release.
type servers struct {
	ctx      context.Context
	compiler *kyverno.Compiler
	err      error // ours: the first that a question met
}

func newServers(ctx context.Context, at time.Time) *servers {
	return &servers{ctx: ctx, compiler: kyverno.NewCompiler(kyverno.Options{At: at})}
}

// served is what an API server makes of an object that is written. Kubernetes' own policies
// are checked by the server itself, Kyverno's beyond their definitions by nobody on a hub.
func (s *servers) served(o policy.Object) (policy.Object, []string, error) {
	stored, dropped, err := kyverno.Served(o)
	if err == nil && strings.HasPrefix(o.APIVersion, "admissionregistration.k8s.io/") && policy.IsPolicyKind(o.APIVersion, o.Kind) {
		var nothing *capture.World
		if nothing, err = anyWorld(); err == nil {
			if reason := s.rejected(o, nothing); reason != "" {
				err = errors.New(reason)
			}
		}
	}
	return stored, dropped, err
}

// rejected is the reason for which a policy is not taken in a world.
func (s *servers) rejected(o policy.Object, w *capture.World) string {
	program, err := s.compiler.Compile(s.ctx, policy.FromObjects("hub", []policy.Object{o}), w)
	switch {
	case err != nil && s.err == nil:
		s.err = err
	case err == nil && len(program.Rejected) > 0:
		if reason := program.Rejected[0].Reason; !strings.HasPrefix(reason, kyverno.WebhookRejected) { // it is taken, and takes no effect
			return reason
		}
	}
	return ""
}

// anyWorld is a cluster of which nothing is known.
func anyWorld() (*capture.World, error) { return capture.NewWorld(capture.Cluster{Name: "member"}) }

// members says what the members of a fleet take: by their API servers, and by Kyverno's
// validation of policies in the world of the captured cluster that stands for a member, or
// in one of which nothing is known. Each content is looked at once in each world.
type members struct {
	*servers
	capture *capture.Capture  // nil: none
	worlds  map[string]string // by member: the captured cluster
	unknown *capture.World
	asked   map[refusalKey]placement.Refusal
}

type refusalKey struct{ world, object string }

func newMembers(ctx context.Context, at time.Time, c *capture.Capture, worlds map[string]string) (*members, error) {
	unknown, err := anyWorld()
	if err != nil {
		return nil, unanswered(err)
	}
	return &members{servers: newServers(ctx, at), capture: c, worlds: worlds, unknown: unknown, asked: map[refusalKey]placement.Refusal{}}, nil
}

// refuses says how a member takes an object.
func (m *members) refuses(member string, o policy.Object) placement.Refusal {
	key := refusalKey{m.worlds[member], o.APIVersion + " " + o.Kind + " " + o.Namespace + "/" + o.Name + " " + o.Digest}
	known, ok := m.asked[key]
	if !ok {
		known = m.ask(key.world, o)
		m.asked[key] = known
	}
	return known
}

func (m *members) ask(world string, o policy.Object) placement.Refusal {
	stored, dropped, err := m.served(o)
	if err != nil {
		return placement.Refusal{Reason: err.Error()}
	}
	if !policy.IsPolicyKind(o.APIVersion, o.Kind) {
		return placement.Refusal{Dropped: dropped}
	}
	w := m.unknown
	if world != "" && m.capture != nil {
		w = m.capture.World(world)
	}
	by := placement.ByServer
	if strings.HasSuffix(strings.Split(o.APIVersion, "/")[0], "kyverno.io") {
		by = placement.ByKyverno
	}
	return placement.Refusal{Reason: m.rejected(stored, w), By: by, Dropped: dropped}
}
