package kyverno

// Temporary: until the CEL half is in. The CEL developer replaces this file.

import (
	"context"

	"github.com/seatrial/seatrial/simulator/policy"
)

type celCache struct{}

func newCELCache() *celCache { return nil }

type celRequest struct{}

func (c *Compiler) compileCEL(context.Context, *policy.Set, lookup) ([]phased, []policy.Problem, error) {
	return nil, nil, nil
}
