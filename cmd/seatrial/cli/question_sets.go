package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// checkSets takes over the documents of the sets that could not be read.
func (q *question) checkSets() error {
	for _, side := range []struct {
		name string
		set  *policy.Set
	}{{"baseline", q.baseline}, {"candidate", q.candidate}} {
		if side.set != nil {
			q.reject(side.name, "", side.set.Problems)
		}
	}
	return nil
}

// reject notes what is wrong with a side, as a cluster sees it; none for what is wrong
// everywhere.
func (q *question) reject(side, cluster string, problems []policy.Problem) {
	if q.refusing == nil {
		q.refusing = map[reports.Rejected][]string{}
	}
	for _, p := range problems {
		r := reports.Rejected{Side: side, File: p.File, Line: p.Line, Policy: p.Policy, Reason: p.Reason}
		if !slices.Contains(q.rejected, r) {
			q.rejected = append(q.rejected, r)
		}
		if cluster != "" {
			q.refusing[r] = append(q.refusing[r], cluster)
		}
	}
}

// nameClusters says of what only some of all clusters reject, which.
func (q *question) nameClusters(all int) {
	for i, r := range q.rejected {
		if n := len(q.refusing[r]); n > 0 && n < all {
			q.rejected[i].Reason += " (in " + strings.Join(q.refusing[r], ", ") + ")"
		}
	}
}

// refuse ends the replay when a candidate policy would be rejected: its answer would be
// that of another set than the one asked about.
func (q *question) refuse() error {
	if q.skipRejected {
		return nil
	}
	var lines []string
	for _, r := range q.rejected {
		if r.Side != "candidate" {
			continue
		}
		name := r.Policy
		if name == "" {
			name = "document"
		}
		lines = append(lines, fmt.Sprintf("%s:%d: %s: %s", q.place(r.File), r.Line, name, r.Reason))
	}
	if len(lines) == 0 {
		return nil
	}
	noun := "policies"
	if len(lines) == 1 {
		noun = "policy"
	}
	return malformed(errors.New(fmt.Sprintf("%d candidate %s would be rejected:\n  ", len(lines), noun)+strings.Join(lines, "\n  ")), q.howToMend())
}

// howToMend is a hint for candidates that would be rejected. What is there twice beside a
// kustomization is not there twice once it is built.
func (q *question) howToMend() string {
	twice := func(r reports.Rejected) bool {
		return r.Side == "candidate" && strings.HasPrefix(r.Reason, policy.Twice)
	}
	if q.candidate != nil && slices.ContainsFunc(q.rejected, twice) && slices.ContainsFunc(q.candidate.Ignored, policy.Problem.IsKustomization) {
		return "kustomize builds folders below this one: name the folder that is rolled out, and it is read as kustomize builds it"
	}
	return "mend them, or replay without them: --skip-rejected"
}

// place is a candidate's file as a user can open it: with the folder that was asked for.
func (q *question) place(file string) string {
	source := ""
	switch {
	case q.hub != nil:
		source = q.hub.After.Source
	case q.candidate == nil:
		return file
	default:
		source = q.candidate.Source
	}
	if rest, ok := strings.CutPrefix(source, "git:"); ok {
		_, source, _ = strings.Cut(rest, ":")
	}
	if path.Base(source) == file {
		return source // the set is one file
	}
	return path.Join(source, file)
}

// sideUnion is a side whose sets differ from cluster to cluster as one.
func (q *question) sideUnion(side string) *policy.Set {
	if q.own == nil {
		return q.union("captured", func(cluster string) *policy.Set { return q.installed[cluster] })
	}
	return q.union(q.sources[side], func(cluster string) *policy.Set {
		if set := q.own[cluster][side]; set != nil {
			return set
		}
		return q.installed[cluster] // no member of the fleet
	})
}

// union is the set of all clusters' policies; of several versions of one policy the first
// cluster's stands for them.
func (q *question) union(source string, of func(cluster string) *policy.Set) *policy.Set {
	var objects []policy.Object
	seen := map[string]bool{}
	sum := sha256.New()
	for _, cluster := range q.capture.Clusters {
		set := of(cluster.Name)
		fmt.Fprintln(sum, cluster.Name, set.Digest)
		for _, o := range set.Objects {
			key := o.Kind + "/" + o.Namespace + "/" + o.Name
			if !seen[key] {
				objects = append(objects, o)
			}
			seen[key] = true
		}
	}
	set := policy.FromObjects(source, objects)
	set.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return set
}

// loadOne reads a set that is the same for all clusters: captured is, where they have the same
// installed.
func (q *question) loadOne(ctx context.Context, spec string) (*policy.Set, error) {
	if spec != "captured" {
		return policy.Load(ctx, spec, policy.Options{})
	}
	var set *policy.Set
	for _, c := range q.capture.Clusters {
		of := kyverno.InstalledPolicies(q.capture.World(c.Name))
		switch {
		case len(of.Objects) == 0:
			return nil, fmt.Errorf("captured: the capture shows no policies in cluster %s", c.Name)
		case set != nil && set.Digest != of.Digest:
			return nil, fmt.Errorf("captured: cluster %s has other policies than cluster %s, and a candidate is one set: capture them one by one", c.Name, q.capture.Clusters[0].Name)
		}
		set = of
	}
	return set, nil
}
