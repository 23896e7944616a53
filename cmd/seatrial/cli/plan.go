package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/cmd/seatrial/hubs"
	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// hubFlags are the flags that name a hub's states and a fleet.
type hubFlags struct {
	hubs.Flags
	kubeconfig string
}

// register declares the flags; from is what the flag for the state before is called.
func (f *hubFlags) register(cmd *cobra.Command, from string) {
	f.registerStates(cmd, from)
	cmd.Flags().StringArrayVar(&f.Events, "event", nil, "what happens then: 'cluster-3 leaves', 'cluster-4 label env=dev', 'cluster-5 unhealthy 10m', 'hub down', 'approve RUN/STAGE' (repeatable, in order)")
}

// registerStates declares those that name the hub and the fleet.
func (f *hubFlags) registerStates(cmd *cobra.Command, from string) {
	flags := cmd.Flags()
	flags.StringVar(&f.Hub, "hub", "", "hub objects: a folder, a file, git:REVISION:PATH or context:NAME")
	flags.StringArrayVar(&f.From, from, nil, "the hub before, in the same forms, none, or a git revision of the same path (repeatable, the oldest first)")
	flags.StringVar(&f.Fleet, "fleet", "", "clusters and their labels: a fleet file, or MemberClusters (default: the hub's MemberClusters, or the capture's clusters)")
	flags.StringVar(&f.KubeFleet, "kubefleet", string(placement.V031), "release of KubeFleet whose behaviour is foretold: "+string(placement.V031)+" or "+string(placement.Main))
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of context:NAME, not $KUBECONFIG or ~/.kube/config")
}

// asked tells whether a flag was given that means nothing without --hub.
func (f *hubFlags) asked() bool {
	return len(f.From) > 0 || f.Fleet != "" || len(f.Events) > 0
}

// planned is a question about a hub with its answer.
type planned struct {
	*hubs.Asked
	plan *placement.Plan
}

// ask reads the hub and the fleet, and plans.
func (f *hubFlags) ask(ctx context.Context, env Env, at time.Time, c *capture.Capture) (*planned, error) {
	return f.answered(ctx, f.options(ctx, env, at, c, kyverno.InstalledPolicies))
}

func (f *hubFlags) answered(ctx context.Context, opt hubs.Options) (*planned, error) {
	asked, err := hubs.Ask(ctx, f.Flags, opt)
	if err != nil {
		return nil, ofHub(err)
	}
	plan, err := asked.Plan(ctx)
	if err != nil {
		return nil, ofHub(err)
	}
	return &planned{asked, plan}, nil
}

// options are what the flags do not say.
func (f *hubFlags) options(ctx context.Context, env Env, at time.Time, c *capture.Capture, installed func(*capture.World) *policy.Set) hubs.Options {
	return hubs.Options{At: at, Capture: c, Installed: installed, Stored: defaulter(kyverno.NewCompiler(kyverno.Options{At: at})), Served: newServers(ctx, at).served, Kubeconfigs: kubeconfigs(env, f.kubeconfig)}
}

// defaulter gives objects the defaults of their definitions, as an API server does. Sets
// hold the same objects: each content is looked at once.
func defaulter(c *kyverno.Compiler) func(policy.Object) policy.Object {
	known := map[string]json.RawMessage{}
	return func(o policy.Object) policy.Object {
		key := o.APIVersion + " " + o.Kind + " " + string(o.JSON)
		content, ok := known[key]
		if !ok {
			content = c.Defaulted(policy.FromObjects("", []policy.Object{o})).Objects[0].JSON
			known[key] = content
		}
		return o.With(content)
	}
}

// ofHub gives an error of a question about a hub its exit code.
func ofHub(err error) error {
	var mistake *hubs.Malformed
	if errors.As(err, &mistake) {
		return malformed(mistake.Err, mistake.Hint)
	}
	return unanswered(err)
}

func newPlan(env Env) *cobra.Command {
	var f hubFlags
	var captureFile, at string
	var specs []string
	cmd := &cobra.Command{
		Use:   "plan --hub HUB --fleet FILE|--capture FILE [--from HUB]",
		Short: "Show what each cluster gets at each stage of a hub change, and why",
		Long: "plan foretells what KubeFleet does with hub objects: which clusters a placement picks\n" +
			"and why not the others, what overrides make of each policy there, in which stages the\n" +
			"change arrives, and what surprises people. It reaches no cluster, except a hub that is\n" +
			"named as context:NAME, which it only reads.\n\n" +
			"Exit codes: 0 planned, 1 KubeFleet or a member would refuse a part of it (hub objects, a\n" +
			"placement, a run, an override, a policy on some cluster), 2 malformed question,\n" +
			"3 not answered.",
		Example: "  seatrial plan --hub hub/ --fleet fleet.yaml\n" +
			"  seatrial plan --hub hub/ --from origin/main --fleet fleet.yaml -o markdown\n" +
			"  seatrial plan --hub context:hub --capture fleet.capture --event 'production-3 leaves' -o text -o html=plan.html",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(specs) == 0 {
				specs = []string{"text"}
			}
			outputs, err := parseOutputsOf(specs, render.PlanNames())
			if err != nil {
				return err
			}
			p, err := f.plan(cmd.Context(), env, captureFile, at)
			if err != nil {
				return err
			}
			if err := writePlan(env, outputs, p); err != nil {
				return err
			}
			if p.Status == reports.Refused {
				return errExceeded
			}
			return nil
		},
	}
	f.register(cmd, "from")
	flags := cmd.Flags()
	flags.StringVar(&captureFile, "capture", "", "capture whose clusters and labels are the fleet, and whose policies are what members have")
	flags.StringVar(&at, "at", "", "clock of heartbeats and waits, as 2026-11-23T08:00:00Z (default now)")
	flags.StringArrayVarP(&specs, "output", "o", nil, "FORMAT[=FILE]: "+strings.Join(render.PlanNames(), ", ")+" (repeatable; default text)")
	_ = cmd.MarkFlagRequired("hub")
	return cmd
}

// plan answers the question.
func (f *hubFlags) plan(ctx context.Context, env Env, captureFile, at string) (*reports.Plan, error) {
	now, err := clock(env, at)
	if err != nil {
		return nil, err
	}
	var c *capture.Capture
	if captureFile != "" {
		if c, err = openCapture(captureFile); err != nil {
			return nil, err
		}
	}
	asked, err := hubs.Ask(ctx, f.Flags, f.options(ctx, env, now, c, kyverno.InstalledPolicies))
	if err != nil {
		return nil, ofHub(err)
	}
	m, err := newMembers(ctx, now, c, asked.Worlds)
	if err != nil {
		return nil, err
	}
	asked.Refuses = m.refuses
	plan, err := asked.Plan(ctx)
	if err != nil {
		return nil, ofHub(err)
	}
	if m.err != nil {
		return nil, unanswered(m.err)
	}
	return asked.Report(plan, tool(), now), nil
}

// writePlan renders a plan in every asked format.
func writePlan(env Env, outputs []output, p *reports.Plan) error {
	return writeEach(env, outputs, "plan", func(w io.Writer, format string, opt render.Options) error {
		return render.Plan(w, format, p, opt)
	})
}
