package kyverno

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Some of what a change of policies does comes without any request: when they ship. The replay judges
// requests; of the rest it tells who does it.

// shipping is what a policy does without a request.
type shipping struct {
	generates bool     // when something triggers it
	existing  bool     // also of what exists, as soon as it ships
	syncs     bool     // keeps what it generated as it would generate it now
	keeps     []string // rules whose objects go with them
	mutates   bool     // what is stored
}

// Shipping are notes about what happens when changes ship. live tells that the objects that are
// judged were taken from clusters.
func Shipping(changes []policy.Change, live bool) (notes []string) {
	var atOnce, synced, later, gone, carried []string
	for _, c := range changes {
		var was, is shipping
		title := ""
		for _, side := range []struct {
			object *policy.Object
			into   *shipping
		}{{c.Before, &was}, {c.After, &is}} {
			if side.object != nil {
				*side.into, title = shippingOf(*side.object), side.object.Title()
			}
		}
		lost := slices.ContainsFunc(was.keeps, func(rule string) bool { return !slices.Contains(is.keeps, rule) })
		switch {
		case c.Change == policy.Unchanged:
			continue
		case is.existing:
			atOnce = append(atOnce, title)
		case is.generates && is.syncs && was.generates:
			synced = append(synced, title)
		case is.generates:
			later = append(later, title)
		}
		if lost && (c.Change == policy.Removed || c.Change == policy.Changed) {
			gone = append(gone, title)
		}
		if live && was.mutates {
			carried = append(carried, title)
		}
	}
	say := func(titles []string, format string) {
		if len(titles) > 0 {
			notes = append(notes, fmt.Sprintf(format, strings.Join(titles, ", ")))
		}
	}
	say(atOnce, "as soon as they ship, these generate or mutate for what exists already (generateExisting, mutateExisting), without a request: %s")
	say(synced, "what these generated before with synchronize is brought up to date as soon as they ship, without a request; for what else triggers them and stands they generate once it is updated: %s")
	say(later, "these generate when what triggers them is created or updated, and nothing for what stands until then: %s")
	say(gone, "what rules generated with synchronize is deleted in the clusters when they are removed or renamed, unless orphanDownstreamOnPolicyDelete keeps it: %s")
	say(carried, "what was captured from a cluster carries the mutations of these, which are removed or changed; a capture of the manifests shows what would be stored: %s")
	return notes
}

// shippingOf reads a policy; one that does not decode does nothing.
func shippingOf(o policy.Object) (s shipping) {
	var generating struct {
		Spec policiesv1beta1.GeneratingPolicySpec
	}
	switch {
	case isClassic(o) && !strings.HasSuffix(o.Kind, "CleanupPolicy"):
		return classicShipping(o)
	case strings.HasSuffix(o.Kind, "GeneratingPolicy") && json.Unmarshal(o.JSON, &generating) == nil:
		s.generates, s.existing = true, generating.Spec.GenerateExistingEnabled()
		s.syncs = generating.Spec.SynchronizationEnabled()
		if s.syncs && !generating.Spec.OrphanDownstreamOnPolicyDeleteEnabled() {
			s.keeps = []string{""}
		}
	case strings.HasSuffix(o.Kind, "MutatingPolicy"):
		var mutating struct {
			Spec policiesv1beta1.MutatingPolicySpec
		}
		s.mutates = json.Unmarshal(o.JSON, &mutating) == nil && !mutating.Spec.MutateExistingEnabled()
		s.existing = mutating.Spec.MutateExistingEnabled()
	case o.Kind == "MutatingAdmissionPolicy":
		s.mutates = true
	}
	return s
}

func classicShipping(o policy.Object) (s shipping) {
	typed, err := typePolicy(o)
	if err != nil {
		return s
	}
	spec := typed.GetSpec()
	s.mutates = spec.HasMutateStandard()
	s.existing = spec.HasGenerate() && spec.IsGenerateExisting() || spec.HasMutateExisting() && spec.GetMutateExistingOnPolicyUpdate()
	for i := range spec.Rules {
		rule := &spec.Rules[i]
		if !rule.HasGenerate() {
			continue
		}
		s.generates = true
		sync, orphans := rule.GetSyncAndOrphanDownstream()
		s.syncs = s.syncs || sync
		if sync && !orphans {
			s.keeps = append(s.keeps, rule.Name)
		}
	}
	return s
}
