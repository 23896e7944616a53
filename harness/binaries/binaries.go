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
// One version of Kubernetes is the default, and others are pinned beside it: [Store.For]
// is the same store with the programs of another one, [KubernetesVersions] lists them.
//
// A build takes minutes on two cores when nothing is cached; [Store.Progress]
// hears how far it is.
package binaries

import (
	"cmp"
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
	KubernetesVersion = "v1.36.3" // unless another is asked for
	EtcdVersion       = "v3.6.8"  // the one that Kubernetes' own go.mod asks for
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

	kubernetes string // see For; empty: KubernetesVersion
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

// For is the store with the programs of a version of Kubernetes; empty: the default
// one. What is no part of Kubernetes is the same for all versions. A version that is not
// pinned has no programs: see [KubernetesVersions].
func (s *Store) For(version string) *Store {
	other := *s
	other.kubernetes = version
	return &other
}

// recipe is how a program of the store's version of Kubernetes is built.
func (s *Store) recipe(n Name) (recipe, error) {
	v := cmp.Or(s.kubernetes, KubernetesVersion)
	own, pinned := kubernetes[v]
	if !pinned {
		return recipe{}, fmt.Errorf("not pinned for Kubernetes %s (hint: pinned are %s)", v, strings.Join(KubernetesVersions(), ", "))
	}
	if r, ok := own[n]; ok {
		return r, nil
	}
	if r, ok := recipes[n]; ok {
		return r, nil
	}
	return recipe{}, errors.New("no such program")
}

// Fingerprint tells a program of one recipe from one of another.
func (s *Store) Fingerprint(n Name) (string, error) {
	r, err := s.recipe(n)
	return r.module + " " + r.version + " " + r.digest(), err
}

// All lists what the store can provide, sorted.
func All() []Name { return slices.Sorted(maps.Keys(recipes)) }

// ForFleets lists what fleets run as processes of this machine, sorted.
func ForFleets() []Name {
	names := slices.AppendSeq([]Name{APIServer, ControllerManager, Scheduler}, maps.Keys(fleetRecipes))
	slices.Sort(names)
	return names
}

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

// given is the path of a program in the folders of the user. Those of another version of
// Kubernetes than the default are in a folder of its name there: v1.35.4/kube-apiserver.
func (s *Store) given(n Name) string {
	r, _ := s.recipe(n) // what has none may still be given
	sub := ""
	if _, ok := kubernetes[KubernetesVersion][n]; ok && s.kubernetes != KubernetesVersion {
		sub = s.kubernetes
	}
	for _, dir := range s.Given {
		p := filepath.Join(dir, sub, string(n))
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || r.isFile()) {
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
		if _, dir, err := s.entry(n); err != nil || !intact(dir, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// entry is the recipe of a program and its folder in the cache.
func (s *Store) entry(n Name) (r recipe, dir string, err error) {
	if r, err = s.recipe(n); err != nil {
		return r, "", err
	}
	root := s.Dir
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return r, "", fmt.Errorf("where to keep binaries: %w (hint: set XDG_CACHE_HOME)", err)
		}
		root = filepath.Join(cache, "seatrial", "binaries")
	}
	return r, filepath.Join(root, strings.Join([]string{r.module, r.version, r.digest()}, "-")), nil
}
