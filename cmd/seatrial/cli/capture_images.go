package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/harness/registries"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// imagesFlags are the flags of capture images.
type imagesFlags struct {
	in, out  string
	policies []string
	opt      registries.Options
}

func newCaptureImages(env Env) *cobra.Command {
	var f imagesFlags
	cmd := &cobra.Command{
		Use:   "images -o FILE --capture FILE [--policies SET]…",
		Short: "Add to a capture what image registries answer about its images",
		Long: "images asks the registries of the images that a capture's objects name: manifests,\n" +
			"configurations, signatures, attestations. Replays verify images with the answers.\n" +
			"With --policies only the images are asked about that these policies ask about.\n\n" +
			"Credentials are those of docker login ($DOCKER_CONFIG). They do not enter the capture.",
		Example: "  seatrial capture images --capture shop.capture --policies policies/ -o shop-images.capture",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.in, "capture", "", "capture whose images are asked about (required)")
	flags.StringVarP(&f.out, "output", "o", "", "capture to write (required)")
	flags.StringArrayVar(&f.policies, "policies", nil, "ask only what these policies ask: a folder, a file, git:REVISION:PATH or captured (repeatable)")
	flags.StringArrayVar(&f.opt.Insecure, "insecure-registry", nil, "host that may be asked without TLS, as HOST[:PORT] (repeatable)")
	flags.DurationVar(&f.opt.Timeout, "timeout", registries.DefaultTimeout, "patience with one request")
	_ = cmd.MarkFlagRequired("capture")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

func (f *imagesFlags) run(cmd *cobra.Command, env Env) error {
	if f.opt.Timeout <= 0 {
		return malformed(errors.New("--timeout must be greater than zero"), "")
	}
	c, err := capture.Open(f.in)
	if err != nil {
		return malformed(err, "write captures with seatrial capture")
	}
	var sets []*policy.Set
	for _, spec := range f.policies {
		set, err := loadSet(cmd, spec, "--policies")
		if err != nil {
			return err
		}
		sets = append(sets, set)
	}
	f.opt.Now = env.Now
	asked, err := registries.New(f.opt)
	if err != nil {
		return unanswered(err)
	}
	if err := c.IndexRecords(); err != nil {
		return malformed(err, "")
	}
	more := map[string][]capture.WorldObject{}
	for _, cluster := range c.Clusters {
		answers, err := answersFor(cmd.Context(), c, cluster.Name, sets, asked, env.Now())
		if err != nil {
			return unanswered(err)
		}
		printAnswers(env.Stderr, cluster.Name, answers)
		for _, a := range answers {
			object, err := a.WorldObject(cluster.Name)
			if err != nil {
				return unanswered(err)
			}
			more[cluster.Name] = append(more[cluster.Name], object)
		}
	}
	if _, err := c.WithWorld(cmd.Context(), f.out, more); err != nil {
		return malformed(err, "")
	}
	fmt.Fprintf(env.Stderr, "wrote %s\n", f.out)
	return nil
}

// answersFor asks about the images of a cluster, and returns what registries answered.
func answersFor(ctx context.Context, c *capture.Capture, cluster string, sets []*policy.Set, asked *registries.Registries, at time.Time) ([]capture.RegistryAnswer, error) {
	world := c.World(cluster)
	compiler := kyverno.NewCompiler(kyverno.Options{At: at, Registry: asked})
	var sides []*kyverno.Program
	for _, set := range sets {
		if set == nil {
			set = kyverno.InstalledPolicies(world)
		}
		side, err := compiler.Compile(ctx, set, world)
		if err != nil {
			return nil, err
		}
		sides = append(sides, side)
	}
	engine, err := compiler.Engine(world, capture.User{}, sides...)
	if err != nil {
		return nil, err
	}
	var answers []capture.RegistryAnswer
	var images []string
	if len(sets) == 0 {
		images, err = namedImages(c, cluster, engine)
	} else {
		images, answers, err = askedImages(ctx, c, cluster, engine, asked)
	}
	if err != nil {
		return nil, err
	}
	if err := askAbout(ctx, asked, images); err != nil {
		return nil, err
	}
	return distinct(append(answers, asked.Take()...)), nil
}

// namedImages are the images that the objects of a cluster name.
func namedImages(c *capture.Capture, cluster string, engine *kyverno.Engine) ([]string, error) {
	found := map[string]bool{}
	for rec, err := range replay.Templates(c.Records) {
		if err != nil {
			return nil, err
		}
		if rec.Cluster == cluster {
			for _, image := range engine.Images(rec) {
				found[image] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// askedImages are those that policies ask about. What they ask is answered as it will be
// in a replay, so that one question leads to the next.
func askedImages(ctx context.Context, c *capture.Capture, cluster string, engine *kyverno.Engine, asked *registries.Registries) ([]string, []capture.RegistryAnswer, error) {
	find := func(string) (replay.Engine, error) { return engine, nil }
	err := replay.Run(ctx, ofCluster(replay.Templates(c.Records), cluster), find, runtime.GOMAXPROCS(0), func(replay.Answer) error { return nil })
	answers := asked.Take()
	return registries.ImagesOf(answers), answers, err
}

func ofCluster(records func(func(*capture.Record, error) bool), cluster string) func(func(*capture.Record, error) bool) {
	return func(yield func(*capture.Record, error) bool) {
		for rec, err := range records {
			if err == nil && rec.Cluster != cluster {
				continue
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// askedAtOnce is how many images are asked about at a time.
const askedAtOnce = 4

func askAbout(ctx context.Context, asked *registries.Registries, images []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askedAtOnce)
	for _, image := range images {
		group.Go(func() error {
			err := asked.Image(ctx, image)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		})
	}
	return group.Wait()
}

func distinct(answers []capture.RegistryAnswer) []capture.RegistryAnswer {
	byURL := func(a, b capture.RegistryAnswer) int { return strings.Compare(a.URL, b.URL) }
	slices.SortStableFunc(answers, byURL)
	return slices.CompactFunc(answers, func(a, b capture.RegistryAnswer) bool { return a.URL == b.URL })
}

func printAnswers(w io.Writer, cluster string, answers []capture.RegistryAnswer) {
	hosts, bytes, failed := map[string]bool{}, int64(0), 0
	for _, a := range answers {
		if at, err := url.Parse(a.URL); err == nil {
			hosts[at.Host] = true
		}
		bytes += int64(len(a.Body))
		if a.Status == 0 {
			failed++
		}
	}
	fmt.Fprintf(w, "cluster %s: %d answers of %d registries, %s\n", cluster, len(answers)-failed, len(hosts), size(bytes))
	if failed == 0 {
		return
	}
	fmt.Fprintf(w, "  %d questions were not answered; what rests on them is undecided:\n", failed)
	for _, a := range answers {
		if a.Status == 0 {
			fmt.Fprintf(w, "    %s: %s\n", a.URL, a.Failure)
		}
	}
}
