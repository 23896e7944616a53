package kyverno

import (
	"context"

	"github.com/go-logr/logr"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/validation/cleanuppolicy"

	"github.com/seatrial/seatrial/simulator/policy"
)

// acceptCleanup returns the reason of the cleanup controller for refusing the policy, or nil.
// One that is installed as it is was taken.
func (a *acceptance) acceptCleanup(object policy.Object, p kyvernov2.CleanupPolicyInterface) error {
	name, key := keysOf(object)
	if err, ok := a.asked[key]; ok {
		return err
	}
	if before, ok := a.installed[name]; ok && before.Digest == object.Digest {
		return nil
	}
	a.asking = question{key, a.cleaner, a.cleans}
	a.asked[key] = recovered(func() error {
		return cleanuppolicy.Validate(context.Background(), logr.Discard(), a.client, p)
	})
	return a.asked[key]
}
