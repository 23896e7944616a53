package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// Options say how suites are read.
type Options struct {
	At  time.Time // the clock of policies and exceptions
	CLI bool      // keep the ways of Kyverno's own runner where a cluster's differ
}

// Runner answers suites. Policies that several suites have are compiled once. It is safe
// for concurrent use.
type Runner struct {
	opt       Options
	mu        sync.Mutex
	compiler  *kyverno.Compiler
	discovery *capture.Resources
}

// NewRunner returns a runner.
func NewRunner(opt Options) *Runner {
	return &Runner{opt: opt, discovery: capture.NewResources(),
		compiler: kyverno.NewCompiler(kyverno.Options{At: opt.At, IgnoreConfiguration: true, EveryPolicy: true, Lenient: opt.CLI})}
}

// Run answers a suite: a row for each expected result, in the order of the file, and one for
// each policy or exception that is refused and that no result is about. What is wrong with the
// suite is in the rows.
func (r *Runner) Run(ctx context.Context, s *Suite) []Row {
	t, err := r.try(ctx, s)
	if err != nil {
		return s.failed(err)
	}
	return append(s.each(t.check), t.refused()...)
}

// failed answers a suite that could not be asked.
func (s *Suite) failed(err error) []Row {
	return s.each(func(row *Row, _ *Expected, _ name) { row.Status, row.Reason = Errored, err.Error() })
}

// each makes the rows and has them filled.
func (s *Suite) each(fill func(*Row, *Expected, name)) []Row {
	var rows []Row
	for i := range s.Test.Results {
		e := &s.Test.Results[i]
		for _, n := range e.names() {
			row := Row{Suite: s.Path, Name: s.Title(), Policy: e.Policy, Rule: e.Rule, Kind: e.Kind, Operation: e.Operation, Resource: n.String(), Expected: e.Result}
			fill(&row, e, n)
			rows = append(rows, row)
		}
	}
	return rows
}

// trial is a suite with all answers.
type trial struct {
	*Suite
	opt      Options
	set      *policy.Set
	rejected []policy.Problem
	said     map[string][]said // by operation; "" is the one that no result names
}

// said is what all policies said of one resource.
type said struct {
	resource resource
	answers  []kyverno.Said
}

func (r *Runner) try(ctx context.Context, s *Suite) (*trial, error) {
	t := &trial{Suite: s, opt: r.opt, said: map[string][]said{}}
	var err error
	if t.set, err = s.policies(ctx); err != nil {
		return nil, err
	}
	values, err := s.values()
	if err != nil {
		return nil, err
	}
	mocks, user, err := s.mocks(values)
	if err != nil {
		return nil, err
	}
	mocks.Lenient = r.opt.CLI
	resources, err := s.resources(r.discovery, s.Test.Resources)
	if err != nil {
		return nil, err
	}
	resources = unique(resources)
	targets, err := s.resources(r.discovery, s.Test.TargetResources)
	if err != nil {
		return nil, err
	}
	world, err := s.world(values, mocks, r.discovery, slices.Concat(resources, targets))
	if err != nil {
		return nil, err
	}
	engine, err := r.engine(ctx, t, world, mocks)
	if err != nil {
		return nil, err
	}
	for _, operation := range s.operations() {
		for _, one := range resources {
			answers, err := engine.Ask(ctx, record(one, operation, values, user, world.Resources))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", one.kind, one.name, err)
			}
			t.said[operation] = append(t.said[operation], said{one, answers})
		}
	}
	return t, t.askPayloads(ctx, engine)
}

// askPayloads asks about what is no Kubernetes object. Such a resource goes by its path.
func (t *trial) askPayloads(ctx context.Context, engine *kyverno.Engine) error {
	kinds := []struct {
		kind  kyverno.Payload
		files []string
	}{
		{kyverno.JSONPayload, t.Test.JSONPayloads}, {kyverno.HTTPPayload, t.Test.HTTPPayloads}, {kyverno.EnvoyPayload, t.Test.EnvoyPayloads},
	}
	for _, k := range kinds {
		for _, file := range k.files {
			docs, err := t.documents(file)
			if err != nil {
				return err
			}
			if len(docs) != 1 {
				return fmt.Errorf("%s: holds %d objects, want one", file, len(docs))
			}
			content, err := json.Marshal(docs[0].Object)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			answers, err := engine.AskPayload(ctx, k.kind, content)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			t.said[""] = append(t.said[""], said{resource{head: head{name: path.Clean(file)}, content: content}, answers})
		}
	}
	return nil
}

func (r *Runner) engine(ctx context.Context, t *trial, world *capture.World, mocks *kyverno.Mocks) (*kyverno.Engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	program, err := r.compiler.Compile(ctx, t.set, world)
	if err != nil {
		return nil, err
	}
	t.rejected = program.Rejected
	engine, err := r.compiler.Engine(world, capture.User{}, program)
	if err != nil {
		return nil, err
	}
	return engine.WithMocks(mocks), nil
}

// operations lists those that results name, and the one that they do not name.
func (s *Suite) operations() []string {
	all := []string{""}
	for _, e := range s.Test.Results {
		all = append(all, e.Operation)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func unique(all []resource) []resource {
	seen := map[head]bool{}
	var kept []resource
	for _, r := range all {
		if !seen[r.head] {
			kept = append(kept, r)
		}
		seen[r.head] = true
	}
	return kept
}

// record is the request that sends a resource.
func record(r resource, operation string, v *Values, user *userInfo, discovery *capture.Resources) *capture.Record {
	gvk := capture.ParseGVK(r.apiVersion, r.kind)
	gvr, _, _ := discovery.ResourceFor(gvk)
	rec := &capture.Record{
		Operation: capture.Operation(operation), Kind: gvk, Resource: gvr, Namespace: r.namespace, Name: r.name,
		Object: r.content, DryRun: user.DryRun, Live: true,
		User: capture.User{Username: user.UserInfo.Username, UID: user.UserInfo.UID, Groups: user.UserInfo.Groups, Extra: user.UserInfo.Extra},
	}
	for _, sub := range v.Subresources {
		if s := sub.Subresource; s.Kind == gvk.Kind && s.Group == gvk.Group && s.Version == gvk.Version {
			parent, name, _ := strings.Cut(s.Name, "/")
			rec.Resource = capture.GVR{Group: sub.ParentResource.Group, Version: sub.ParentResource.Version, Resource: parent}
			rec.SubResource = name
		}
	}
	return rec
}
