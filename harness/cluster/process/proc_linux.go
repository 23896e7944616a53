package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stat returns the fields of /proc/PID/stat from the state on (field 3).
// See proc_pid_stat(5); the name before them may hold spaces and brackets.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
}

// startTime is when the process started, in clock ticks since boot; 0 when it is gone or
// has ended: then it is a zombie, or dead (X) while its parent takes it away. Both are
// read at once, since either changes between two looks.
func startTime(pid int) uint64 {
	f := stat(pid)
	if len(f) < 20 || strings.ContainsAny(f[0], "ZXx") {
		return 0
	}
	t, _ := strconv.ParseUint(f[19], 10, 64)
	return t
}

// Usage is the processor time and the memory of a process: proportional
// resident bytes, in which a page shared by n processes counts for 1/n.
func Usage(pid int) (cpu time.Duration, memory int64) {
	if f := stat(pid); len(f) > 12 {
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		cpu = time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on every Linux that Go runs on
	}
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return cpu, kib << 10
		}
	}
	return cpu, 0
}

// strays finds the programs that name the folder in their arguments.
func strays(dir string, programs []string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		data, err := os.ReadFile(f)
		if err == nil && Ours(string(data), dir, programs) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Tree is a process and all that descend from it; none when it is gone.
func Tree(pid int) []int {
	if stat(pid) == nil {
		return nil
	}
	children := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*")
	for _, f := range files {
		p, err := strconv.Atoi(filepath.Base(f))
		if err != nil {
			continue
		}
		if fields := stat(p); len(fields) > 1 {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], p)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}
