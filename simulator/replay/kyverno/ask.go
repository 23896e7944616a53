package kyverno

import (
	"context"
	"encoding/json"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Said is what one policy said of a record.
type Said struct {
	Policy   verdict.PolicyRef
	Verdicts []verdict.Verdict
	// Object is the resource after the policy, JSON.
	Object    json.RawMessage
	Generated []verdict.Generated
}

// WithMocks returns an engine whose policies are answered by m.
func (e *Engine) WithMocks(m *Mocks) *Engine {
	mocked, env := *e, *e.env
	env.mocks, env.rolesKnown = m, true
	mocked.env = &env
	return &mocked
}

// Ask asks every policy of the first side about a resource, in the order of an admission,
// whatever the others said: a test suite wants to know of each. What one makes of the
// resource the next one sees.
//
// rec says what is sent and by whom. Its operation may be empty: it is then what the mocks
// say, or CREATE. As the public tests have it, an UPDATE changes nothing, and a DELETE
// deletes rec's object.
func (e *Engine) Ask(ctx context.Context, rec *capture.Record) ([]Said, error) {
	object := rec.Object
	var all []Said
	for _, u := range e.sides[0].units {
		run, err := e.askOne(rec, object, u)
		if err != nil {
			return nil, err
		}
		got := answer{}
		if pre, ok := u.unit.(seer); !ok || pre.sees(&run.req) {
			got = evaluate(ctx, u, &run.req)
		}
		if got.object != nil {
			object = got.object
		}
		all = append(all, Said{Policy: u.unit.ref(), Verdicts: got.verdicts, Object: object, Generated: got.generated})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// askOne makes the request that one policy is asked about.
func (e *Engine) askOne(rec *capture.Record, object json.RawMessage, u phased) (*sideRun, error) {
	one := *rec
	one.Object, one.OldObject = object, nil
	if one.Operation == "" {
		one.Operation = e.env.mocks.operation(u.unit.ref(), rec.Name)
	}
	switch one.Operation {
	case capture.Update:
		one.OldObject = object
	case capture.Delete:
		one.Object, one.OldObject = nil, object
	}
	req, err := e.newRequest(&one)
	if err != nil {
		return nil, err
	}
	return &sideRun{req: *req, common: &shared{}}, nil
}

// operation is what a policy is told of a resource.
func (m *Mocks) operation(p verdict.PolicyRef, resource string) capture.Operation {
	operation := m.Operation
	if isClassicKind(p.Kind) && m.Request != nil {
		operation, _ = m.Request(p.Name, resource)["request.operation"].(string)
	}
	switch op := capture.Operation(operation); op {
	case capture.Update, capture.Delete:
		return op
	}
	return capture.Create
}

func isClassicKind(kind string) bool { return kind == "ClusterPolicy" || kind == "Policy" }
