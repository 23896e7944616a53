package hubs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/record"
	"github.com/seatrial/seatrial/simulator/policy"
)

// The states of a hub that a question names, as objects.
type States struct {
	After   *policy.Set   // the state asked about
	Earlier []*policy.Set // the oldest first; the last is what members have today
	Notes   []string      // that a reader should know
}

// Read reads the states of the hub. A live hub is listed, and nothing else. Documents that
// cannot be read are a [Malformed] error: the answer would be that of another hub.
func Read(ctx context.Context, f Flags, opt Options) (*States, error) {
	r := &reader{flags: f, kubeconfigs: opt.Kubeconfigs, states: &States{}}
	var err error
	if r.states.After, err = r.read(ctx, "the hub", f.Hub); err != nil {
		return nil, err
	}
	for _, from := range f.From {
		set, err := r.earlier(ctx, from)
		if err != nil {
			return nil, err
		}
		r.states.Earlier = append(r.states.Earlier, set)
	}
	if opt.Stored != nil {
		for _, set := range append(slices.Clone(r.states.Earlier), r.states.After) {
			for i := range set.Objects {
				set.Objects[i] = opt.Stored(namespaceStored(set.Objects[i]))
			}
			for i := range set.Others {
				set.Others[i] = namespaceStored(set.Others[i])
			}
		}
	}
	return r.states, nil
}

// namespaceStored gives a Namespace what every API server adds to it: the label with its
// name, and the finalizer. Other objects stay.
func namespaceStored(o policy.Object) policy.Object {
	if o.Kind != "Namespace" || o.APIVersion != "v1" {
		return o
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(o.JSON); err != nil {
		return o
	}
	labels, _, err := unstructured.NestedStringMap(u.Object, "metadata", "labels")
	if err != nil {
		return o // none that an API server takes
	}
	if labels == nil {
		labels = map[string]string{}
	}
	labels["kubernetes.io/metadata.name"] = o.Name
	u.SetLabels(labels)
	if err := unstructured.SetNestedStringSlice(u.Object, []string{"kubernetes"}, "spec", "finalizers"); err != nil {
		return o
	}
	content, err := json.Marshal(u.Object)
	if err != nil {
		return o
	}
	return o.With(content)
}

type reader struct {
	flags       Flags
	kubeconfigs []string
	states      *States
}

func (r *reader) note(format string, args ...any) {
	r.states.Notes = append(r.states.Notes, fmt.Sprintf(format, args...))
}

// read reads a state of the hub; what it is, for errors.
func (r *reader) read(ctx context.Context, what, spec string) (*policy.Set, error) {
	if name, ok := strings.CutPrefix(spec, live); ok {
		return r.live(ctx, spec, name)
	}
	set, err := policy.LoadObjects(ctx, spec, policy.Options{})
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "name a folder, a file, git:REVISION:PATH or context:NAME"
		}
		return nil, malformed(hint, "%s: %w", what, err)
	}
	return set, readable(what, set)
}

// live lists a hub that runs.
func (r *reader) live(ctx context.Context, spec, name string) (*policy.Set, error) {
	targets, err := record.Contexts(r.kubeconfigs, []string{name})
	if err != nil {
		return nil, malformed("name the kubeconfig with --kubeconfig or $KUBECONFIG; kubectl config get-contexts lists its contexts", "%s: %w", spec, err)
	}
	objects, left, err := record.Hub(ctx, targets[0], record.Options{})
	if err != nil {
		return nil, fmt.Errorf("read the hub of context %s: %w", name, err)
	}
	for _, s := range left {
		r.note("the live hub %s: %s", name, s)
	}
	return policy.FromObjects(spec, objects), nil
}

// earlier reads a state before. A path that is not there at a revision is a hub on which
// nothing was placed yet.
func (r *reader) earlier(ctx context.Context, from string) (*policy.Set, error) {
	spec, err := r.specOf(ctx, from)
	if err != nil {
		return nil, err
	}
	if from == "none" {
		return policy.FromObjects(spec, nil), nil
	}
	set, err := r.read(ctx, "the hub before", spec)
	if errors.Is(err, policy.ErrNoPath) {
		r.note("%s does not exist: nothing was placed yet", spec)
		return policy.FromObjects(spec, nil), nil
	}
	return set, err
}

// specOf turns a bare revision into the hub's path at that revision.
func (r *reader) specOf(ctx context.Context, from string) (string, error) {
	if from == "none" || strings.Contains(from, ":") {
		return from, nil
	}
	if rest, ok := strings.CutPrefix(r.flags.Hub, "git:"); ok {
		_, path, _ := strings.Cut(rest, ":")
		return "git:" + from + ":" + path, nil
	}
	if exists(from) {
		return from, nil
	}
	path, err := policy.PathInRepository(ctx, r.flags.Hub)
	if err != nil {
		return "", malformed("a revision needs a hub in a git repository; otherwise name a folder, a file, git:REVISION:PATH, context:NAME or none",
			"the hub before: %s does not exist, and is taken as a revision: %w", from, err)
	}
	return "git:" + from + ":" + filepath.ToSlash(path), nil
}

// live is how a hub that runs is named.
const live = "context:"

func isLive(spec string) bool { return strings.HasPrefix(spec, live) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readable refuses a state with documents that are no YAML, and with links that are not
// followed: what they lead to may be a part of the hub.
func readable(what string, set *policy.Set) error {
	var lines []string
	for _, p := range set.Problems {
		if p.Policy == "" {
			lines = append(lines, fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason))
		}
	}
	for _, p := range set.Ignored {
		if p.Reason == policy.Outside {
			lines = append(lines, p.File+": "+p.Reason)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return malformed("mend the documents: without them the answer is another hub's", "%s: %d of its documents cannot be read:\n  %s", what, len(lines), strings.Join(lines, "\n  "))
}
