//go:build !linux

package process

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func ps(pid int, column string) string {
	out, _ := exec.Command("ps", "-o", column+"=", "-p", fmt.Sprint(pid)).Output()
	return strings.TrimSpace(string(out))
}

// startTime tells processes of one number apart by when they started; 0 when it is gone or
// has ended.
func startTime(pid int) uint64 {
	s := ps(pid, "lstart")
	if s == "" || strings.HasPrefix(ps(pid, "stat"), "Z") {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// Usage is the memory of a process; its processor time is not read here.
func Usage(pid int) (cpu time.Duration, memory int64) {
	kib, _ := strconv.ParseInt(ps(pid, "rss"), 10, 64)
	return 0, kib << 10
}

// strays finds the programs that name the folder in their arguments.
func strays(dir string, programs []string) []int {
	out, _ := exec.Command("ps", "-axo", "pid=,args=").Output()
	var pids []int
	for line := range strings.Lines(string(out)) {
		number, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		pid, err := strconv.Atoi(number)
		if err == nil && pid != os.Getpid() && Ours(args, dir, programs) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Tree is the process alone: its descendants are not looked for here.
func Tree(pid int) []int { return []int{pid} }
