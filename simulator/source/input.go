package source

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// input is what one file holds, or stdin, or a piece of what was rendered.
type input struct {
	name      string // of the file, as origins name it
	read      func() ([]byte, error)
	rendered  bool   // the lines of the content are not those of the file
	line      int    // of what was rendered: the line in the file, 0 where it is not known
	namespace string // of namespaced objects that name none; empty: "default"
	live      bool   // an API server returned what it holds
}

// rendered is an input that is in memory.
func rendered(name string, line int, content []byte) input {
	return input{name: name, line: line, rendered: true, read: func() ([]byte, error) { return content, nil }}
}

// write writes what the inputs hold as one cluster. from is where they are from, for errors.
func write(ctx context.Context, w *capture.Writer, cluster capture.Cluster, sum *Summary, inputs []input, from []string, strict bool) error {
	objects, err := load(ctx, sum, cluster, inputs)
	if err != nil {
		return err
	}
	if strict && len(sum.Skipped) > 0 {
		return strictError(sum.Skipped)
	}
	if len(objects) == 0 {
		return fmt.Errorf("%w: no Kubernetes object in %s", ErrNothing, strings.Join(from, ", "))
	}
	known := newOwners()
	for _, o := range objects {
		known.see(o.content, o.namespace)
		if o.unplaced {
			sum.Unplaced++
		}
	}
	cluster.Unplaced = sum.Unplaced
	if err := writeWorld(w, cluster, objects, sum.Skipped); err != nil {
		return err
	}
	sum.Replaced = w.Replaced()
	for _, o := range objects {
		sum.Objects++
		if o.live {
			sum.Live++
		}
		if o.redacted {
			sum.Redacted++
		}
		if err := w.Record(o.record(cluster.Name, known)); err != nil {
			return err
		}
	}
	return nil
}

func strictError(skipped []capture.Skipped) error {
	s := skipped[0]
	return fmt.Errorf("%s: %s (--strict, %d in all)", s.Place(), s.Reason, len(skipped))
}

func writeWorld(w *capture.Writer, cluster capture.Cluster, objects []*object, skipped []capture.Skipped) error {
	if err := w.Cluster(cluster); err != nil {
		return err
	}
	for _, o := range objects {
		if !isWorld(o.gvk) {
			continue
		}
		if err := w.World(capture.WorldObject{Cluster: cluster.Name, Object: o.raw, Origin: o.origin}); err != nil {
			return err
		}
	}
	for _, s := range skipped {
		if err := w.Skipped(s); err != nil {
			return err
		}
	}
	return nil
}

// load reads and parses all inputs in parallel and returns their objects in order.
func load(ctx context.Context, sum *Summary, cluster capture.Cluster, inputs []input) ([]*object, error) {
	parsed := make([][]manifest.Document, len(inputs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, in := range inputs {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			content, err := in.read()
			if err != nil {
				return fmt.Errorf("read %s: %w", in.name, err)
			}
			parsed[i] = manifest.Split(content)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	resources := learn(parsed)
	var objects []*object
	unknown := map[string]bool{}
	for i, documents := range parsed {
		for _, doc := range documents {
			in := inputs[i]
			o, reason := newObject(doc, resources, in.namespace)
			switch {
			case reason == notAnObject:
				sum.NonObjects++
			case reason != "":
				sum.Skipped = append(sum.Skipped, capture.Skipped{Cluster: cluster.Name, File: in.name, Line: in.at(max(doc.ErrAt, doc.Line)), Reason: reason})
			case o != nil:
				o.origin = capture.Origin{Source: cluster.Source, File: in.name, Line: in.at(doc.Line)}
				o.live = o.live || in.live
				if o.guessed && !o.live {
					unknown[o.gvk.Kind+" of "+o.gvk.APIVersion()] = true
				}
				objects = append(objects, o)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(unknown)) {
		sum.Notes = append(sum.Notes, kind+" is taken for cluster-scoped where it names no namespace: its definition is not there")
	}
	return objects, nil
}

// at is the line of the file that a line of the content is from.
func (in *input) at(line int) int {
	if in.rendered {
		return in.line
	}
	return line
}

// learn collects the kinds of all CRDs before any custom resource is placed.
func learn(parsed [][]manifest.Document) *capture.Resources {
	resources := capture.NewResources()
	for _, documents := range parsed {
		for _, doc := range documents {
			if doc.Object["kind"] != "CustomResourceDefinition" {
				continue
			}
			if raw, err := json.Marshal(doc.Object); err == nil {
				resources.AddCRD(raw)
			}
		}
	}
	return resources
}
