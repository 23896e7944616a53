package player

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// A spec is the part of an OCI runtime's configuration that is read or written here; everything
// else is kept as it is.
type spec map[string]any

// runc changes what a container is to run and hands everything to the real runc. What fails on
// the way is in the player's log on the node; the container then runs as it was asked to.
func runc(args []string) int {
	c, err := readConfig()
	if err == nil {
		err = c.rewrite(args)
	}
	if err != nil {
		complain(err)
	}
	if c.Runc == "" {
		fmt.Fprintln(os.Stderr, "player: no runc:", err)
		return 1
	}
	err = syscall.Exec(c.Runc, append([]string{c.Runc}, args...), os.Environ())
	fmt.Fprintln(os.Stderr, c.Runc, err)
	return 1
}

func (c Config) rewrite(args []string) error {
	switch {
	case slices.Contains(args, "create"), slices.Contains(args, "run"):
		if bundle := value(args, "--bundle", "-b"); bundle != "" {
			return edit(filepath.Join(bundle, "config.json"), c.create)
		}
	case slices.Contains(args, "exec"):
		process := value(args, "--process", "-p")
		if process != "" && played(args[len(args)-1]) {
			return edit(process, func(p spec) error { p["args"], p["cwd"] = inside("end"), "/"; return nil })
		}
	}
	return nil
}

// create makes a workload's container run the player.
func (c Config) create(s spec) error {
	of := func(key string) string {
		annotations, _ := s["annotations"].(map[string]any)
		v, _ := annotations["io.kubernetes.cri."+key].(string)
		return v
	}
	namespace := of("sandbox-namespace")
	if of("container-type") != "container" || c.isOwn(namespace, of("image-name")) {
		return nil
	}
	process, ok := s["process"].(map[string]any)
	if !ok {
		return nil
	}
	part, err := c.ask(namespace, of("sandbox-name"), of("container-name"))
	process["args"], process["cwd"] = inside(part...), "/"
	mounts, _ := s["mounts"].([]any)
	s["mounts"] = append(mounts, map[string]any{"destination": Inside, "type": "bind", "source": Dir + "/bin", "options": []string{"bind", "ro"}})
	return err
}

// isOwn says whether a container is one of the cluster's own, not a workload's.
func (c Config) isOwn(namespace, image string) bool {
	return slices.Contains(c.Own, namespace) || namespace == "kube-system" && slices.Contains(c.Real, image)
}

// inside is a command of the player's in a container.
func inside(args ...string) []string { return append([]string{Inside + "/" + name}, args...) }

// played says whether a running container is played, by the configuration it was made with.
func played(id string) bool {
	found, _ := filepath.Glob("/run/containerd/io.containerd.runtime.v2.task/*/" + id + "/config.json")
	for _, path := range found {
		var s struct {
			Process struct {
				Args []string `json:"args"`
			} `json:"process"`
		}
		data, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(data, &s) == nil && len(s.Process.Args) > 0 && s.Process.Args[0] == Inside+"/"+name {
			return true
		}
	}
	return false
}

// value is that of a flag, in either spelling.
func value(args []string, flags ...string) string {
	for i, a := range args {
		for _, f := range flags {
			if a == f && i+1 < len(args) {
				return args[i+1]
			}
			if len(a) > len(f) && a[:len(f)+1] == f+"=" {
				return a[len(f)+1:]
			}
		}
	}
	return ""
}

func edit(path string, change func(spec) error) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s := spec{}
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	failed := change(s)
	if data, err = json.Marshal(s); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return failed
}

func complain(err error) {
	f, open := os.OpenFile(filepath.Join(Dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if open != nil {
		return
	}
	defer f.Close()
	fmt.Fprintln(f, time.Now().UTC().Format(time.RFC3339), err)
}
