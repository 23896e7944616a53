package kind

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/binaries/player"
	"github.com/seatrial/seatrial/harness/cluster"
)

var (
	_ cluster.WorkloadPlayer = (*member)(nil)
	_ cluster.PodHost        = (*member)(nil)
)

// What nodes that play workloads say they have: as much as the nodes of embedded clusters.
const (
	playedCPUs   = 64
	playedMemory = 256 << 20 // KiB
)

// registryAddress is where a node's player answers pulls.
const registryAddress = "127.0.0.1:5959"

// playScript makes a node play workloads. It can run again.
//
//go:embed play.sh
var playScript string

// PlayWorkloads puts the player onto every node: see package player. Names with a digest, which no
// registry could answer for, are given to its image here. Nodes then say that they have the room
// of a real fleet's, since nothing runs that would use it.
func (c *member) PlayWorkloads(ctx context.Context, images []string) error {
	if c.Spec().Kind.Pulled {
		return nil
	}
	bins, err := c.provider.store.Get(ctx, binaries.Player)
	if err != nil {
		return fmt.Errorf("the player of workloads: %w (hint: with kind.workloads: pulled their own images run)", err)
	}
	nodes, err := c.provider.kind.ListInternalNodes(c.kindName())
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			if err := c.playOn(ctx, n.String(), bins[binaries.Player], digested(images)); err != nil {
				return fmt.Errorf("node %s is to play workloads: %w", n, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (c *member) playOn(ctx context.Context, node, program string, digested []string) error {
	real, err := c.imagesOn(ctx, node)
	if err != nil {
		return err
	}
	server, err := c.inNode(ctx, node, `sed -n 's/^ *server: //p' /etc/kubernetes/kubelet.conf`)
	if err != nil {
		return err
	}
	own := []string{"local-path-storage"}
	if c.Spec().Kind.InCluster {
		own = append(own, "kyverno")
	}
	config, err := json.Marshal(player.Config{
		Runc: player.Dir + "/runc", Server: server, Own: own, Real: real,
		CA: "/etc/kubernetes/pki/ca.crt", Credential: "/var/lib/kubelet/pki/kubelet-client-current.pem",
	})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(c.dir, "player-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // its mode is the folder's on the node
		return err
	}
	for _, copied := range [][2]string{{dir + "/.", player.Dir}, {program, player.Dir + "/player.new"}} {
		if _, err := docker(ctx, "cp", copied[0], node+":"+copied[1]); err != nil {
			return err
		}
	}
	script := fmt.Sprintf("dir=%s registry=%s cpus=%d memory=%d images='%s'\n%s", player.Dir, registryAddress, playedCPUs, playedMemory, strings.Join(digested, " "), playScript)
	if _, err := c.inNode(ctx, node, script); err != nil {
		return err
	}
	return c.awaitRoom(ctx, node)
}

// awaitRoom waits until a node says that it has room and is ready.
func (c *member) awaitRoom(ctx context.Context, node string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return until(ctx, "room on node "+node, func(ctx context.Context) error {
		n, err := client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if have := n.Status.Allocatable.Cpu().Value(); have != playedCPUs {
			return fmt.Errorf("it says that it has %d CPUs", have)
		}
		if !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			return errors.New("it is not ready")
		}
		return nil
	})
}

// imagesOn lists the full names of a node's own images, sorted.
func (c *member) imagesOn(ctx context.Context, node string) ([]string, error) {
	out, err := c.inNode(ctx, node, "crictl images --output json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Images []struct {
			RepoTags []string `json:"repoTags"`
		} `json:"images"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("crictl images: %w", err)
	}
	var names []string
	for _, i := range list.Images {
		for _, tag := range i.RepoTags {
			if !strings.HasPrefix(tag, player.Repository+":") {
				names = append(names, tag)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// digested are the full names of the images with a digest, sorted.
func digested(images []string) (names []string) {
	for _, i := range images {
		named, err := reference.ParseDockerRef(i)
		if err != nil {
			continue
		}
		if _, ok := named.(reference.Digested); ok {
			names = append(names, named.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
