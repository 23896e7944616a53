package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Summary says what a source found.
type Summary struct {
	Files      int
	Objects    int
	Live       int // objects that an API server returned
	Redacted   int // objects with values replaced
	World      int // of a running cluster: objects that policies may look up
	NonObjects int // documents that no cluster stores: values, kustomizations, test suites
	Noise      int // of a backup: objects that say nothing to a policy
	Tests      int // of a chart: hooks that test a release, which are not part of an installation
	Unplaced   int // namespaced objects that name no namespace, and that nobody names one for
	Skipped    []capture.Skipped
	Replaced   []string // objects that policies may look up which are given more than once, and differ
	Notes      []string // what to know of the answer, in words
	Audit      AuditSummary
}

// ErrNothing is returned when the sources hold nothing to capture.
var ErrNothing = errors.New("nothing to capture")

// Manifests reads files and folders ("-" is stdin) and writes them as one cluster: every
// object as a CREATE request, and those that policies may look up as its world as well.
// strict makes the first unreadable document an error.
func Manifests(ctx context.Context, w *capture.Writer, cluster capture.Cluster, paths []string, stdin io.Reader, strict bool) (Summary, error) {
	return ManifestsIn(ctx, w, cluster, paths, stdin, strict, "")
}

// ManifestsIn is [Manifests] of objects that go to a namespace where they are of one and name none, as
// kubectl's --namespace does. Empty, it is "default", and they are counted.
func ManifestsIn(ctx context.Context, w *capture.Writer, cluster capture.Cluster, paths []string, stdin io.Reader, strict bool, namespace string) (Summary, error) {
	cluster.Source = "manifests"
	var sum Summary
	inputs, err := list(paths, stdin)
	if err != nil {
		return sum, err
	}
	for i := range inputs {
		inputs[i].namespace = namespace
	}
	sum.Files = len(inputs)
	return sum, write(ctx, w, cluster, &sum, inputs, paths, strict)
}

// list expands the paths into files, in the order of their names.
func list(paths []string, stdin io.Reader) ([]input, error) {
	var inputs []input
	for _, root := range paths {
		if root == "-" {
			inputs = append(inputs, input{name: "stdin", read: func() ([]byte, error) { return io.ReadAll(stdin) }})
			continue
		}
		files, err := walk(root)
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		for _, path := range files {
			inputs = append(inputs, input{name: filepath.ToSlash(path), read: func() ([]byte, error) { return os.ReadFile(path) }})
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
		case entry.IsDir() && isBackup(path):
			return fmt.Errorf("%s: %w", path, ErrBackup)
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
