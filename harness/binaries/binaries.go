// Package binaries provides the programs that a fleet runs as processes: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler, Kyverno's controllers
// and kwok.
//
// [Store.Get] finds each one, in this order: in a folder that the user gives, in
// the cache, or by building it from Go modules whose versions and sums are pinned
// here, which works wherever the Go module proxy answers. A program is built once
// for a machine: the cache is versioned by recipe, guarded by a lock between
// processes, and every program in it is kept with its digest, which is checked
// when the file no longer looks like the one that was built.
//
// A build takes minutes on two cores when nothing is cached; [Store.Progress]
// hears how far it is.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Name is a program's name, and the name of its file.
type Name string

// The programs.
const (
	Etcd              Name = "etcd"
	APIServer         Name = "kube-apiserver"
	ControllerManager Name = "kube-controller-manager"
	Scheduler         Name = "kube-scheduler"
	Kyverno           Name = "kyverno" // the admission controller
	Background        Name = "background-controller"
	Reports           Name = "reports-controller"
	Cleanup           Name = "cleanup-controller"
	Kwok              Name = "kwok" // makes nodes and pods look alive

	// Not programs but files of a release.
	KyvernoInstall Name = "kyverno-install.yaml" // what a cluster needs before Kyverno runs
	KwokStages     Name = "kwok-stages.yaml"     // what kwok does to nodes and pods
)

// The versions that the built programs have.
const (
	KubernetesVersion = "v1.36.3"
	EtcdVersion       = "v3.6.8" // the one that Kubernetes' own go.mod asks for
	KyvernoVersion    = "v1.19.1"
	KwokVersion       = "v0.8.0"
)

// ErrMissing says that a program was neither given nor in the cache and that
// the store may not build it.
var ErrMissing = errors.New("not found, and building it is switched off")

// A Store finds programs and builds those it does not have.
type Store struct {
	Dir      string      // the cache; empty: seatrial/binaries in the user's cache folder
	Given    []string    // folders searched first, in order; a program in one is taken as it is
	Offline  bool        // never build
	Progress func(Event) // told what a build does; may be nil
}

// An Event is a step of a build.
type Event struct {
	Name    Name
	Version string
	Done    int // packages compiled
	Total   int // packages to compile; 0 while unknown
	Path    string
	Built   bool // the last event of a build: the program is at Path
}

// Default is the store of this user: the folders in SEATRIAL_BINARIES and
// KUBEBUILDER_ASSETS first, then the cache in the user's cache folder.
func Default(progress func(Event)) *Store {
	s := &Store{Progress: progress}
	for _, v := range []string{"SEATRIAL_BINARIES", "KUBEBUILDER_ASSETS"} {
		s.Given = append(s.Given, filepath.SplitList(os.Getenv(v))...)
	}
	return s
}

// All lists what the store can provide, sorted.
func All() []Name { return slices.Sorted(maps.Keys(recipes)) }

// ForFleets lists what fleets run as processes of this machine, sorted.
func ForFleets() []Name { return slices.Sorted(maps.Keys(fleetRecipes)) }

// Get returns the path of each program asked for.
func (s *Store) Get(ctx context.Context, names ...Name) (map[Name]string, error) {
	paths := map[Name]string{}
	var missing []Name
	for _, n := range names {
		if p := s.given(n); p != "" {
			paths[n] = p
			continue
		}
		missing = append(missing, n)
	}
	for _, n := range missing {
		p, err := s.cached(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		paths[n] = p
	}
	return paths, nil
}

func (s *Store) given(n Name) string {
	for _, dir := range s.Given {
		p := filepath.Join(dir, string(n))
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || recipes[n].isFile()) {
			if abs, err := filepath.Abs(p); err == nil {
				return abs
			}
		}
	}
	return ""
}

// Missing lists which of the programs would have to be built.
func (s *Store) Missing(names ...Name) []Name {
	var out []Name
	for _, n := range names {
		if s.given(n) != "" {
			continue
		}
		dir, err := s.dir(recipes[n])
		if err != nil || !intact(dir, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Store) dir(r recipe) (string, error) {
	root := s.Dir
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("where to keep binaries: %w (hint: set XDG_CACHE_HOME)", err)
		}
		root = filepath.Join(cache, "seatrial", "binaries")
	}
	return filepath.Join(root, strings.Join([]string{r.module, r.version, r.digest()}, "-")), nil
}
