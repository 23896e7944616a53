package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// label is how kind marks the containers of a cluster.
const label = "io.x-k8s.kind.cluster"

// network is the engine's network that kind's nodes are on.
func network() string {
	if n := os.Getenv("KIND_EXPERIMENTAL_DOCKER_NETWORK"); n != "" {
		return n
	}
	return "kind"
}

// docker runs the engine's command and returns what it says, without blanks around it.
func docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.WaitDelay = time.Second // what the command started may keep its output open
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(string(failed.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// patience is how long the engine may take to answer a question, which is no work for it.
var patience = 30 * time.Second

// engineHint is what to do where no engine answers.
const engineHint = "start one, or let .ci/docker start DIR do so; DOCKER_HOST says which is used"

// ask asks the engine a question.
func ask(ctx context.Context, args ...string) (string, error) {
	out, err := answer(ctx, args...)
	if errors.Is(err, errSilent) {
		err = fmt.Errorf("%w (hint: %s)", err, engineHint)
	}
	return out, err
}

// errSilent says that the engine took longer than its patience.
var errSilent = errors.New("the Docker engine does not answer")

// answer is ask for whoever has a hint of their own.
func answer(ctx context.Context, args ...string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := docker(limited, args...)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("docker %s: %w within %s", args[0], errSilent, patience)
	}
	return out, err
}

// containers lists the names that kind knows clusters by which begin with prefix, sorted.
func containers(ctx context.Context, prefix string) ([]string, error) {
	out, err := ask(ctx, "ps", "--all", "--filter", "label="+label, "--format", `{{.Label "`+label+`"}}`)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.Lines(out) {
		if name = strings.TrimSpace(name); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// remove removes every container of the cluster that kind knows by the name, and their volumes.
func remove(ctx context.Context, name string) error {
	ids, err := ask(ctx, "ps", "--all", "--quiet", "--filter", "label="+label+"="+name)
	if err != nil || ids == "" {
		return err
	}
	_, err = docker(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(ids)...)...)
	return err
}

// gateway is the address by which containers of kind's network reach this machine.
func gateway(ctx context.Context) (string, error) {
	out, err := ask(ctx, "network", "inspect", network())
	if err != nil {
		return "", err
	}
	var found []struct {
		IPAM struct{ Config []struct{ Gateway string } }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return "", fmt.Errorf("docker network inspect: %w", err)
	}
	for _, n := range found {
		for _, c := range n.IPAM.Config {
			if a, err := netip.ParseAddr(c.Gateway); err == nil && a.Is4() {
				return c.Gateway, nil
			}
		}
	}
	return "", fmt.Errorf("the network %s has no IPv4 gateway", network())
}

// labelOf is a label of an image; empty when the image or the label is not there.
func labelOf(ctx context.Context, image, label string) string {
	value, err := ask(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+label+`"}}`, image)
	if err != nil || value == "<no value>" {
		return ""
	}
	return value
}
