// Package fleet is many clusters at once: [Up] starts them as fast as the machine
// allows, [Down] removes them, [Kubeconfig] addresses them all from one file.
// [Dir] is where a named fleet is kept.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Dir is the folder of the fleet of that name: below XDG_STATE_HOME, or
// ~/.local/state.
func Dir(name string) (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("where to keep the fleet: %w (hint: set XDG_STATE_HOME)", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "seatrial", "fleets", name), nil
}

// A Started is a cluster and how long it took to be ready.
type Started struct {
	cluster.Cluster
	Took time.Duration
}

// Up starts a cluster for each spec, at most parallel at a time, and returns them in the
// order of the specs. A provider that can tell what is missing is asked first. When one fails the others are removed again, and so is what it left.
// ready, which may be nil, hears of each as it is ready.
func Up(ctx context.Context, p cluster.Provider, specs []cluster.Spec, parallel int, ready func(Started)) ([]Started, error) {
	if f, ok := p.(preflighter); ok {
		if err := f.Preflight(ctx, specs); err != nil {
			return nil, err
		}
	}
	started := make([]Started, len(specs))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(parallel, 1))
	for i, spec := range specs {
		group.Go(func() error {
			begin := time.Now()
			c, err := p.Create(within, spec)
			if err != nil {
				return err
			}
			started[i] = Started{c, time.Since(begin)}
			if ready != nil {
				ready(started[i])
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		return started, nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	for _, s := range started {
		if s.Cluster != nil {
			err = errors.Join(err, p.Delete(undo, s.Name()))
		}
	}
	return nil, errors.Join(err, p.Close(undo))
}

// Down removes every cluster of the provider and what they share.
func Down(ctx context.Context, p cluster.Provider) (removed []string, err error) {
	names, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(8)
	for _, n := range names {
		group.Go(func() error { return p.Delete(ctx, n) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return names, p.Close(ctx)
}

// Kubeconfig is one file for all clusters, with a context of each one's name; the first
// is the current one.
func Kubeconfig(clusters []cluster.Cluster) ([]byte, error) {
	all := clientcmdapi.NewConfig()
	for i, c := range clusters {
		data, err := c.Kubeconfig()
		if err != nil {
			return nil, err
		}
		one, err := clientcmd.Load(data)
		if err != nil {
			return nil, err
		}
		n := c.Name()
		all.Clusters[n], all.AuthInfos[n], all.Contexts[n] = one.Clusters[n], one.AuthInfos[n], one.Contexts[n]
		if i == 0 {
			all.CurrentContext = n
		}
	}
	return clientcmd.Write(*all)
}
