package kyverno

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
	policyvalidation "github.com/kyverno/kyverno/pkg/validation/policy"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// Scan judges the object of rec as Kyverno's reports controller does when it scans what is
// in a cluster: a creation that nobody asks for, under the policies that are for the
// background, without webhooks and their filters. It returns the results that PolicyReports
// would show, once for each side; none for a record without an object of its own. The
// scan's own differences are kept: an object that a MutatingPolicy would change fails. What the
// reports controller may not read has no results: see [Engine.Unread].
func (e *Engine) Scan(ctx context.Context, rec *capture.Record) ([][]verdict.Verdict, error) {
	out := make([][]verdict.Verdict, len(e.scans))
	switch {
	case rec.SubResource != "" || rec.Operation == capture.Delete:
		return out, nil
	case len(rec.Object) == 0 || rec.Lacks(capture.MissingObject):
		return out, e.unscannable(rec)
	}
	there, err := e.inCluster(rec)
	if err != nil || there == nil {
		return out, err
	}
	req, err := e.newRequest(there)
	if err != nil {
		return out, err
	}
	req.env, req.nobody, req.sent = e.unfiltered, true, rec.Object
	req.adm.UserInfo, req.roles, req.clusterRoles = authenticationv1.UserInfo{}, nil, nil
	if e.reads.blind(schema.GroupVersionResource(rec.Resource)) {
		for _, units := range e.scans {
			e.reads.missed(req, units)
		}
		return out, nil
	}
	type seen struct {
		unit unit
		look lookup
	}
	common := map[seen][]verdict.Verdict{}
	for i, units := range e.scans {
		of := *req
		of.look = e.lookOf(i)
		for _, u := range units {
			got, ok := common[seen{u.unit, of.look}]
			if !ok {
				got = (&sideRun{req: of}).scan(ctx, u)
				common[seen{u.unit, of.look}] = got
			}
			out[i] = append(out[i], got...)
		}
		slices.SortStableFunc(out[i], verdict.Verdict.Compare)
	}
	return out, ctx.Err()
}

// unscannable remembers that policies would be asked about an object that the capture does not
// hold.
func (e *Engine) unscannable(rec *capture.Record) error {
	req, err := e.newRequest(rec)
	if err != nil || !rec.Live {
		return err
	}
	for _, units := range e.scans {
		for _, u := range units {
			if pre, ok := u.unit.(seer); !ok || pre.sees(req) {
				e.bodiless.add(rec.Kind.Kind)
				return nil
			}
		}
	}
	return nil
}

// inCluster is a record's object as the cluster holds it; nil if it would refuse it.
func (e *Engine) inCluster(rec *capture.Record) (*capture.Record, error) {
	there := *rec
	there.Operation, there.OldObject, there.Options, there.Response = capture.Create, nil, nil, nil
	there.User, there.DryRun, there.Missing = capture.User{}, false, nil
	w, ok := e.look.(world)
	if !ok || rec.Live {
		return &there, nil
	}
	object, err := admission.Prepare(w.World, &there)
	if err == nil {
		object, err = admission.Stored(w.World, &there, object)
	}
	if _, refused := err.(*admission.Refused); refused {
		return nil, nil
	}
	there.Object, there.Live = object, true
	return &there, err
}

func (s *sideRun) scan(ctx context.Context, u phased) []verdict.Verdict {
	if pre, ok := u.unit.(seer); ok && !pre.sees(&s.req) {
		return nil
	}
	return evaluate(ctx, u, &s.req).verdicts
}

// reporting is what decides whether and how reports show a policy.
type reporting struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Evaluation struct {
			Admission, Background struct {
				Enabled *bool `json:"enabled"`
			}
		} `json:"evaluation"`
	} `json:"spec"`
}

func reportingOf(content []byte) (r reporting) {
	_ = json.Unmarshal(content, &r) // it was decoded before
	return r
}

func (r *reporting) admits() bool {
	on := r.Spec.Evaluation.Admission.Enabled
	return on == nil || *on
}

func (r *reporting) scans() bool {
	on := r.Spec.Evaluation.Background.Enabled
	return (on == nil || *on) && !r.hidden()
}

// hidden tells whether reports leave the object out.
func (r *reporting) hidden() bool {
	_, hidden := r.Metadata.Labels[labelHidden]
	return hidden
}

// scored tells whether a failure counts; otherwise it is shown as a warning.
func (r *reporting) scored() bool {
	return r.Metadata.Annotations["policies.kyverno.io/scored"] != "false"
}

// scanned is a unit of admission as the scan uses it.
type scanned struct {
	unit
	scored bool
}

func (u scanned) sees(req *request) bool {
	pre, ok := u.unit.(seer)
	return !ok || pre.sees(req)
}

func (u scanned) eval(ctx context.Context, req *request) answer {
	got := u.unit.eval(ctx, req)
	var out answer
	for _, v := range got.verdicts {
		if v.Outcome == verdict.Skip && v.Message == matchConditionsNotMet && v.Type == verdict.Validate {
			continue // not asked
		}
		v.Rule = cmp.Or(v.Rule, ruleInReports(v))
		if v.Type == verdict.Mutate && v.Outcome == verdict.Pass && got.object != nil && len(v.Exceptions) == 0 {
			v.Rule, v.Outcome, v.Message = "", verdict.Fail, "mutation is not applied"
		}
		if v.Outcome == verdict.Warn && v.Action == verdict.ActionWarn {
			v.Outcome = verdict.Fail // that it warns is what the policy does on admission
		}
		if v.Outcome == verdict.Pass && v.Message == "" {
			v.Message = "success"
		}
		if v.Outcome == verdict.Skip && v.Message == matchConditionsNotMet {
			v.Message = "skip"
		}
		out.verdicts = append(out.verdicts, unscored(v, u.scored))
	}
	return out
}

// ruleInReports is the rule that Kyverno names for policies that have no rules.
func ruleInReports(v verdict.Verdict) string {
	switch {
	case len(v.Exceptions) > 0:
		return "exception"
	case v.Outcome == verdict.Error && (v.Type == verdict.Mutate || v.Type == verdict.VerifyImages && strings.HasPrefix(v.Message, "failed to ")):
		return "evaluation"
	case v.Type == verdict.VerifyImages:
		return v.Policy.Name
	}
	return ""
}

// unscored is a result as reports show it: without what the policy does on admission.
func unscored(v verdict.Verdict, scored bool) verdict.Verdict {
	v.Action = ""
	if v.Outcome == verdict.Fail && !scored {
		v.Outcome = verdict.Warn
	}
	return v
}

// withScans adds to the units of a policy of policies.kyverno.io those of the scan, and leaves out
// those of admission where the policy is not for it. Units of the scan alone are given as they
// would be on admission.
func (c *Compiler) withScans(object policy.Object, units []phased) (out []phased) {
	r := reportingOf(object.JSON)
	if r.admits() || c.opt.EveryPolicy {
		out = slices.DeleteFunc(slices.Clone(units), func(u phased) bool { return u.phase == phaseScan })
	}
	if !r.scans() {
		return out
	}
	for _, u := range units {
		switch made := u.unit.(type) {
		case *eitherWay:
			out = append(out, phased{phaseScan, scanned{unlessMade{made.validating}, r.scored()}})
		case *validating, *imageValidating, *mutating:
			out = append(out, phased{phaseScan, scanned{u.unit, r.scored()}})
		}
	}
	return out
}

// classicScan is a ClusterPolicy or Policy as the scan uses it.
type classicScan struct {
	*classic
	images *classicVerify // nil for none
	scored bool
}

// scanContext is what the reports controller makes of an object: the request is the object, its
// namespace and the operation alone, and numbers are integers where they can be.
func (r *request) scanContext() (*engine.PolicyContext, error) {
	object, err := kubeutils.BytesToUnstructured(r.adm.Object.Raw)
	if err != nil {
		return nil, fmt.Errorf("decode the object: %w", err)
	}
	pc, err := engine.NewPolicyContext(r.env.jp, *object, kyvernov1.Create, nil, r.env.cfg)
	if err != nil {
		return nil, fmt.Errorf("build the policy context: %w", err)
	}
	if r.namespace != nil {
		pc = pc.WithNamespaceLabels(r.namespace.Labels)
	}
	return pc, nil
}

// newClassicScan returns nil for policies that are not scanned.
func newClassicScan(c *classic) *classicScan {
	spec := c.policy.GetSpec()
	r := reporting{}
	r.Metadata.Labels, r.Metadata.Annotations = c.policy.GetLabels(), c.policy.GetAnnotations()
	asks := spec.HasValidate() || spec.HasVerifyImages() || spec.HasVerifyManifests()
	if !asks || !r.scans() || !c.policy.BackgroundProcessingEnabled() || policyvalidation.ValidateVariables(c.policy, true) != nil {
		return nil
	}
	made := &classicScan{classic: c, scored: r.scored()}
	if spec.HasVerifyImages() {
		verify := newClassicVerify(c)
		verify.checks = nil // they are the webhook's
		made.images = &verify
	}
	return made
}

func (u *classicScan) eval(ctx context.Context, req *request) answer {
	if u.policy.IsNamespaced() && u.policy.GetNamespace() != req.adm.Namespace {
		return answer{}
	}
	pc, err := req.policyContext(u.classic)
	if err != nil {
		return u.broken(verdict.Validate, verdict.Audit, err)
	}
	policy, _ := u.readings(req)
	er := u.engineFor(req).Validate(ctx, pc.WithPolicy(policy))
	found := req.misses.take()
	var out answer
	for i, v := range u.verdicts(er, verdict.Validate, "") {
		if strings.EqualFold(string(er.PolicyResponse.Rules[i].RuleType()), "ImageVerify") {
			continue
		}
		out.verdicts = append(out.verdicts, unscored(u.needs.settle(v, req, found), u.scored))
	}
	if u.images != nil {
		for _, v := range u.images.eval(ctx, req).verdicts {
			out.verdicts = append(out.verdicts, unscored(v, u.scored))
		}
	}
	return out
}
