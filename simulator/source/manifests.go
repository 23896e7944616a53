package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/internal/manifest"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Summary says what a source found.
type Summary struct {
	Files      int
	Objects    int
	Live       int // objects that an API server returned
	Redacted   int // objects with values replaced
	World      int // of a running cluster: objects that policies may look up
	NonObjects int // documents that no cluster stores: values, kustomizations, test suites
	Skipped    []capture.Skipped
	Replaced   []string // objects that policies may look up which are given more than once, and differ
	Audit      AuditSummary
}

// ErrNothing is returned when the sources hold nothing to capture.
var ErrNothing = errors.New("nothing to capture")

// object is one manifest on its way into a capture.
type object struct {
	content    map[string]any
	gvk        capture.GVK
	gvr        capture.GVR
	namespace  string
	name       string
	live       bool
	redacted   bool
	origin     capture.Origin
	raw        json.RawMessage
	generated  string
	namespaced bool
}

// Manifests reads files and folders ("-" is stdin) and writes them as one cluster: every
// object as a CREATE request, and those that policies may look up as its world as well.
// strict makes the first unreadable document an error.
func Manifests(ctx context.Context, w *capture.Writer, cluster capture.Cluster, paths []string, stdin io.Reader, strict bool) (Summary, error) {
	cluster.Source = "manifests"
	var sum Summary
	objects, err := load(ctx, &sum, cluster.Name, paths, stdin)
	if err != nil {
		return sum, err
	}
	if strict && len(sum.Skipped) > 0 {
		return sum, strictError(sum.Skipped)
	}
	if len(objects) == 0 {
		return sum, fmt.Errorf("%w: no Kubernetes object in %s", ErrNothing, strings.Join(paths, ", "))
	}
	known := newOwners()
	for _, o := range objects {
		known.see(o.content, o.namespace)
	}
	if err := writeWorld(w, cluster, objects, sum.Skipped); err != nil {
		return sum, err
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
			return sum, err
		}
	}
	return sum, nil
}

func strictError(skipped []capture.Skipped) error {
	s := skipped[0]
	return fmt.Errorf("%s:%d: %s (--strict, %d in all)", s.File, s.Line, s.Reason, len(skipped))
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

func (o *object) record(cluster string, known *owners) *capture.Record {
	r := &capture.Record{
		Cluster: cluster, Operation: capture.Create, Kind: o.gvk, Resource: o.gvr,
		Namespace: o.namespace, Name: o.name, Object: o.raw, Origin: o.origin, Live: o.live, Redacted: o.redacted,
		Missing: []capture.Missing{capture.MissingUser},
	}
	r.Owner = known.root(o.content, o.namespace)
	return r
}

// input is one file, or stdin.
type input struct {
	name string
	read func() ([]byte, error)
}

// load reads and parses all inputs in parallel and returns their objects in order.
func load(ctx context.Context, sum *Summary, cluster string, paths []string, stdin io.Reader) ([]*object, error) {
	inputs, err := list(paths, stdin)
	if err != nil {
		return nil, err
	}
	sum.Files = len(inputs)
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
	for i, documents := range parsed {
		for _, doc := range documents {
			o, reason := newObject(doc, resources)
			switch {
			case reason == notAnObject:
				sum.NonObjects++
			case reason != "":
				sum.Skipped = append(sum.Skipped, capture.Skipped{Cluster: cluster, File: inputs[i].name, Line: max(doc.ErrAt, doc.Line), Reason: reason})
			case o != nil:
				o.origin = capture.Origin{Source: "manifests", File: inputs[i].name, Line: doc.Line}
				objects = append(objects, o)
			}
		}
	}
	return objects, nil
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

const notAnObject = "no object"

// newObject places a document; it returns the reason why not where it is none.
func newObject(doc manifest.Document, resources *capture.Resources) (*object, string) {
	if doc.Err != nil {
		return nil, doc.Err.Error()
	}
	if doc.Empty {
		return nil, ""
	}
	apiVersion, kind := text(doc.Object, "apiVersion"), text(doc.Object, "kind")
	if doc.Object == nil || apiVersion == "" || kind == "" || policy.IsClientSide(apiVersion) {
		return nil, notAnObject
	}
	meta, _ := doc.Object["metadata"].(map[string]any)
	o := &object{content: doc.Object, gvk: capture.ParseGVK(apiVersion, kind), name: text(meta, "name"), generated: text(meta, "generateName")}
	if meta == nil || o.name == "" && o.generated == "" {
		if _, template := doc.Object["objects"]; template && kind == "Template" {
			return nil, kind + " must be processed first: its objects are templates"
		}
		if name := meta["name"]; name != nil && name != "" {
			return nil, kind + ": metadata.name is no string: put it into quotes"
		}
		return nil, kind + " has no metadata.name"
	}
	o.namespace = text(meta, "namespace")
	known := false
	o.gvr, o.namespaced, known = resources.ResourceFor(o.gvk)
	o.place(meta, known)
	o.live = isLive(doc.Object, meta)
	o.redacted = redact(doc.Object)
	raw, err := json.Marshal(doc.Object)
	if err != nil {
		return nil, kind + " cannot be encoded as JSON"
	}
	if len(raw) > capture.MaxObject {
		return nil, fmt.Sprintf("%s is larger than %d MiB: no API server takes it", kind, capture.MaxObject>>20)
	}
	o.raw = raw
	return o, ""
}

// place gives the object the namespace that an API server would: "default" where a
// namespaced object names none, none for a cluster-scoped one. The scope of a kind that
// is only guessed is what its object says.
func (o *object) place(meta map[string]any, known bool) {
	if !known {
		o.namespaced = o.namespace != ""
	}
	switch {
	case !o.namespaced:
		o.namespace = ""
		delete(meta, "namespace")
	case o.namespace == "":
		o.namespace = "default"
		meta["namespace"] = "default"
	}
}

// isLive tells whether an API server returned the object.
func isLive(object, meta map[string]any) bool {
	if text(meta, "resourceVersion") != "" || text(meta, "uid") != "" || meta["ownerReferences"] != nil {
		return true
	}
	status, _ := object["status"].(map[string]any)
	return len(status) > 0 && text(object, "kind") != "CustomResourceDefinition"
}

// worldKinds are the kinds besides policies that policies and admission may look up.
var worldKinds = []string{
	"Namespace", "ConfigMap", "ServiceAccount", "Secret", "LimitRange", "ResourceQuota",
	"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
	"CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
	"PriorityClass", "StorageClass", "IngressClass", "RuntimeClass",
}

func isWorld(gvk capture.GVK) bool {
	return slices.Contains(worldKinds, gvk.Kind) || policy.IsPolicyKind(gvk.APIVersion(), gvk.Kind)
}

// list expands the paths into files, in the order of their names.
func list(paths []string, stdin io.Reader) ([]input, error) {
	var inputs []input
	for _, root := range paths {
		if root == "-" {
			inputs = append(inputs, input{"stdin", func() ([]byte, error) { return io.ReadAll(stdin) }})
			continue
		}
		files, err := walk(root)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		for _, path := range files {
			inputs = append(inputs, input{filepath.ToSlash(path), func() ([]byte, error) { return os.ReadFile(path) }})
		}
	}
	return inputs, nil
}

func walk(root string) ([]string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	var files []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.Type().IsRegular() && isManifest(path):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}
