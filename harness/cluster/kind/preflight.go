package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
)

// What a cluster takes, measured with one node, Kyverno beside it (docs/performance.md).
const (
	memoryOfNode     = 800 << 20
	inotifyOfCluster = 26
)

// A Problem is what keeps a fleet from starting, and what to do about it.
type Problem struct{ What, Fix string }

// problems makes one error of them; nil when there are none.
func problems(list []Problem) error {
	var errs []error
	for _, p := range list {
		errs = append(errs, fmt.Errorf("%s (hint: %s)", p.What, p.Fix))
	}
	return errors.Join(errs...)
}

// Preflight says what is missing for clusters of these specs, everything at once. Package fleet
// asks before it starts the first one.
func (p *Provider) Preflight(ctx context.Context, specs []cluster.Spec) error {
	nodes := 0
	for _, s := range specs {
		nodes += 1 + s.Kind.Workers
	}
	return problems(p.missing(ctx, nodes))
}

// engineInfo is what docker info says, as far as it matters.
type engineInfo struct {
	ServerVersion  string
	CgroupVersion  string
	DefaultRuntime string
	MemTotal       int64
	NCPU           int
	ServerErrors   []string
}

func engine(ctx context.Context) (info engineInfo, err error) {
	out, err := answer(ctx, "info", "--format", "{{json .}}")
	if e := json.Unmarshal([]byte(out), &info); err == nil {
		err = e
	}
	if err == nil && (info.ServerVersion == "" || len(info.ServerErrors) > 0) {
		err = errors.New(strings.Join(info.ServerErrors, "; "))
	}
	return info, err
}

// missing looks for what so many more nodes need.
func (p *Provider) missing(ctx context.Context, nodes int) []Problem {
	info, err := engine(ctx)
	if err != nil {
		return []Problem{{"no Docker engine answers: " + firstLine(err), engineHint}}
	}
	return append(host{"/proc"}.missing(nodes), capabilities(info)...)
}

// capabilities looks for what privileged containers need.
func capabilities(info engineInfo) []Problem {
	if !lacksSysResource() || info.DefaultRuntime != "runc" {
		return nil
	}
	return []Problem{{"this machine's processes may not have CAP_SYS_RESOURCE, which the engine gives to privileged containers",
		"start the engine with a runtime that leaves it out, as .ci/docker does (docs/kind.md#capabilities)"}}
}

// A host is a machine as its proc file system shows it.
type host struct{ proc string }

// missing looks for memory and kernel limits; what cannot be read is not missing.
func (h host) missing(nodes int) (list []Problem) {
	if free, ok := h.number("meminfo", "MemAvailable:"); ok {
		if need := int64(nodes) * memoryOfNode; free<<10 < need {
			list = append(list, Problem{fmt.Sprintf("%d MiB of memory are free, and %d nodes take about %d MiB", free>>10, nodes, need>>20),
				"fewer clusters or workers, or the embedded provider"})
		}
	}
	const path = "/proc/sys/fs/inotify/max_user_instances"
	if limit, ok := h.number("sys/fs/inotify/max_user_instances", ""); ok && limit < int64(nodes+1)*inotifyOfCluster {
		list = append(list, Problem{fmt.Sprintf("%s is %d, and %d nodes take about %d", path, limit, nodes, nodes*inotifyOfCluster),
			"sysctl -w fs.inotify.max_user_instances=1024"})
	}
	return list
}

// number reads the number after a word of a file, or the file's only one.
func (h host) number(file, word string) (int64, bool) {
	content, err := os.ReadFile(h.proc + "/" + file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(strings.TrimPrefix(line, word)); strings.HasPrefix(line, word) && len(fields) > 0 {
			n, err := strconv.ParseInt(fields[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// lacksSysResource says whether no process of this machine's shell may raise limits of resources.
func lacksSysResource() bool {
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(content)) {
		if hex, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			const capSysResource = 24
			return err == nil && bits&(1<<capSysResource) == 0
		}
	}
	return false
}

// startLimit is how many clusters start at a time: kubeadm keeps a core busy.
func startLimit() int {
	limit := runtime.NumCPU()
	if free, ok := (host{"/proc"}).number("meminfo", "MemAvailable:"); ok {
		limit = min(limit, int(free<<10/(2*memoryOfNode)))
	}
	return max(1, limit)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
