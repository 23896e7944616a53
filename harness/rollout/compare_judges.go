package rollout

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// judgesOf are the policies of a set that say something when its policies are written.
func (c *comparison) judgesOf(ctx context.Context, l *live, set *policy.Set) ([]string, error) {
	engine, err := c.engine(ctx, l, set)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, o := range set.Objects {
		for _, old := range []json.RawMessage{nil, o.JSON} {
			sides, err := engine.Judge(ctx, written(l.World, &o, old))
			if err != nil {
				return nil, err
			}
			for _, v := range sides[0].Verdicts {
				if v.Outcome != verdict.Skip {
					out = append(out, title(v.Policy.Kind, v.Policy.Namespace, v.Policy.Name))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// written is the request that creates a policy, or replaces an old one.
func written(w *capture.World, o *policy.Object, old json.RawMessage) *capture.Record {
	group, version, _ := strings.Cut(o.APIVersion, "/")
	kind := capture.GVK{Group: group, Version: version, Kind: o.Kind}
	rec := &capture.Record{
		Cluster: w.Cluster.Name, Operation: capture.Create, Kind: kind,
		Namespace: o.Namespace, Name: o.Name, Object: o.JSON, OldObject: old, User: As, DryRun: true,
	}
	rec.Resource, _, _ = w.Resources.ResourceFor(kind)
	if old != nil {
		rec.Operation = capture.Update
	}
	return rec
}
