package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/seatrial/seatrial/scenarios"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// open reads the hub, the capture and the fleet.
func (q *driftQuestion) open(ctx context.Context, f *driftFlags) error {
	var err error
	if q.hub, err = placement.Load(ctx, f.hub, q.distributor.Options); err != nil {
		return malformed(fmt.Errorf("--hub: %w", err), "name a folder, a file or git:REVISION:PATH with the hub's objects")
	}
	if err := q.problems(); err != nil {
		return err
	}
	if q.capture, err = capture.Open(f.capture); err != nil {
		hint := ""
		if errors.Is(err, capture.ErrFormat) {
			hint = "write captures with seatrial capture"
		}
		return malformed(err, hint)
	}
	switch {
	case f.fleet != "":
		q.fleet = f.fleet
		if q.members, err = driftFleet(ctx, f.fleet, q.distributor.Options); err != nil {
			return err
		}
	case len(q.hub.Members) > 0:
		q.fleet = "the hub's MemberClusters"
	default:
		q.fleet = "the clusters of the capture"
		for _, c := range q.capture.Clusters {
			q.members = append(q.members, placement.NewMember(c.Name, c.Labels))
		}
	}
	return nil
}

// problems ends the verb for documents that cannot be read: what the hub intends would not
// be known. What KubeFleet would refuse is no part of its intent, and noted.
func (q *driftQuestion) problems() error {
	var unread []string
	for _, p := range q.hub.Problems {
		if p.Policy == "" {
			unread = append(unread, fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason))
			continue
		}
		q.notes = append(q.notes, refusedNote(p))
	}
	if len(unread) > 0 {
		return malformed(errors.New("the hub cannot be read:\n  "+strings.Join(unread, "\n  ")), "mend the documents: what is intended is not known without them")
	}
	if len(q.hub.Objects) == 0 {
		return malformed(fmt.Errorf("%s holds nothing that could be placed", q.hub.Source), "name the folder that holds policies and placements")
	}
	return nil
}

func refusedNote(p policy.Problem) string {
	return fmt.Sprintf("%s:%d: %s would be refused, and counts for nothing: %s", p.File, p.Line, p.Policy, p.Reason)
}

// driftFleet reads the members of a fleet file, or of a file with MemberClusters.
func driftFleet(ctx context.Context, file string, opt placement.Options) ([]*placement.Member, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, malformed(fmt.Errorf("read the fleet: %w", err), "")
	}
	var members []*placement.Member
	if bytes.Contains(content, []byte("MemberCluster")) {
		hub, err := placement.Load(ctx, file, opt)
		if err != nil {
			return nil, malformed(fmt.Errorf("--fleet: %w", err), "")
		}
		for _, p := range hub.Problems {
			return nil, malformed(fmt.Errorf("--fleet: %s:%d: %s: %s", p.File, p.Line, p.Policy, p.Reason), "")
		}
		members = hub.Members
	} else {
		fleet, err := scenarios.ParseFleet(file, content)
		if err != nil {
			return nil, malformed(err, "docs/fleet.md describes the file")
		}
		for _, c := range fleet.Spec.Clusters {
			members = append(members, placement.NewMember(c.Name, c.Labels))
		}
	}
	if len(members) == 0 {
		return nil, malformed(fmt.Errorf("--fleet: %s names no clusters", file), "drift compares by name: list them under spec.clusters, or as MemberClusters")
	}
	return members, nil
}
