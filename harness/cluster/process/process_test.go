package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// programs are those that the tests take for ours.
var programs = []string{"etcd", "kube-apiserver", "kwok", "kyverno"}

// The test program is also the process that tests start and stop: it then waits to be
// ended, and ends by itself after a minute.
const helper = "SEATRIAL_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helper) {
	case "":
		os.Exit(m.Run())
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	println("ready")
	time.Sleep(time.Minute)
}

// run starts a helper with that program name and those arguments, keeping its record in dir.
func run(t *testing.T, dir, name, mode string, args ...string) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	p := &Process{Name: name, Log: filepath.Join(dir, name+".log"), Env: []string{helper + "=" + mode}, Args: append([]string{link}, args...)}
	if err := p.Start(dir); err != nil {
		t.Fatal(err)
	}
	pid := p.PID
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	for range 1000 {
		if text, _ := p.Tail(100); strings.Contains(string(text), "ready") {
			return p
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the helper does not start")
	return nil
}

func TestRecordOfAProcess(t *testing.T) {
	dir := t.TempDir()
	p := run(t, dir, "etcd", "plain", "--data-dir="+dir)
	got, err := Load(dir, "etcd")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(recordPath(dir, "etcd")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record: %v %v", info, err)
	}
	if !got.Alive() {
		t.Error("it runs")
	}
	if err := got.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.Alive() || startTime(got.PID) != 0 {
		t.Error("it still runs")
	}
	if err := got.Kill(t.Context()); err != nil {
		t.Errorf("killed twice: %v", err)
	}
	if _, err := Load(dir, "kyverno"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no record: got %v", err)
	}
	if err := os.WriteFile(recordPath(dir, "kyverno"), []byte(`{"pid": "`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, "kyverno"); err == nil || !strings.Contains(err.Error(), "kyverno.process.json") {
		t.Errorf("half a record: got %v", err)
	}
}

func TestAlive(t *testing.T) {
	p := run(t, t.TempDir(), "etcd", "plain")
	for _, test := range []struct {
		reason string
		p      Process
		want   bool
	}{
		{"the process of the record", Process{PID: p.PID, Started: p.Started}, true},
		{"another process has the number now", Process{PID: p.PID, Started: p.Started + 1}, false},
		{"the record was written before it started", Process{}, false},
		{"a number that nobody has", Process{PID: 1 << 30, Started: p.Started}, false},
	} {
		if got := test.p.Alive(); got != test.want {
			t.Errorf("%s: got %v", test.reason, got)
		}
	}
}

func TestKillSparesAnotherProcessOfTheNumber(t *testing.T) {
	p := run(t, t.TempDir(), "etcd", "plain")
	stale := *p
	stale.Started++
	if err := stale.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stale.Stop(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if !p.Alive() {
		t.Error("a process that is not ours was killed")
	}
}

func TestStop(t *testing.T) {
	for _, mode := range []string{"plain", "stubborn"} {
		t.Run(mode, func(t *testing.T) {
			p := run(t, t.TempDir(), "etcd", mode)
			begin := time.Now()
			if err := p.Stop(t.Context(), 200*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if p.Alive() {
				t.Error("it still runs")
			}
			if waited := time.Since(begin) >= 200*time.Millisecond; waited != (mode == "stubborn") {
				t.Errorf("stopped after %v", time.Since(begin))
			}
		})
	}
}

func TestKillGivesUpWithItsContext(t *testing.T) {
	p := run(t, t.TempDir(), "etcd", "stubborn")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.signal(ctx, syscall.SIGTERM); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestKillAll(t *testing.T) {
	fleet := t.TempDir()
	member := filepath.Join(fleet, "clusters", "one")
	other := filepath.Join(fleet, "clusters", "one-more") // the name begins with the other's
	for _, dir := range []string{member, other} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	recorded := run(t, member, "kyverno", "plain", "--kubeconfig=/elsewhere")
	stray := run(t, t.TempDir(), "kube-apiserver", "plain", "--cert-dir="+member+"/apiserver")
	neighbour := run(t, other, "kyverno", "plain", "--kubeconfig="+other+"/kyverno.kubeconfig")
	foreign := run(t, t.TempDir(), "vi", "plain", member+"/cluster.json")
	reused := run(t, t.TempDir(), "etcd", "plain")
	stale := *reused
	stale.Name, stale.Started = "kwok", reused.Started+1
	if err := stale.Save(member); err != nil {
		t.Fatal(err)
	}

	if err := KillAll(t.Context(), member, programs); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason string
		p      *Process
		alive  bool
	}{
		{"has a record in the folder", recorded, false},
		{"a program of ours that names the folder", stray, false},
		{"belongs to a cluster whose name begins alike", neighbour, true},
		{"somebody else's program that names the folder", foreign, true},
		{"has the number of a process that was ours", reused, true},
	} {
		if got := test.p.Alive(); got != test.alive {
			t.Errorf("%s: alive is %v", test.reason, got)
		}
	}
	if err := KillAll(t.Context(), filepath.Join(fleet, "clusters", "none"), programs); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestOurs(t *testing.T) {
	for _, test := range []struct {
		reason, args string
		want         bool
	}{
		{"a program of ours in the folder", "/cache/kube-apiserver\x00--cert-dir=/fleet/one/apiserver\x00", true},
		{"separated by blanks, as ps does", "/cache/kwok --kubeconfig=/fleet/one/kwok.kubeconfig", true},
		{"etcd", "etcd\x00--data-dir=/fleet/one/etcd/data\x00", true},
		{"another folder", "/cache/kube-apiserver\x00--cert-dir=/fleet/two/apiserver\x00", false},
		{"a folder whose name begins alike", "/cache/kube-apiserver\x00--cert-dir=/fleet/one-more/apiserver\x00", false},
		{"an editor", "/usr/bin/vi\x00/fleet/one/kyverno.log\x00", false},
		{"a program that is in the folder but does not name it", "/fleet/one/kyverno\x00--help\x00", false},
		{"no arguments", "kyverno\x00", false},
		{"nothing", "", false},
	} {
		if got := Ours(test.args, "/fleet/one", programs); got != test.want {
			t.Errorf("%s: got %v", test.reason, got)
		}
	}
}

func TestUsage(t *testing.T) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skip("needs /proc")
	}
	if _, memory := Usage(os.Getpid()); memory < 1<<20 || memory > 1<<33 {
		t.Errorf("this process uses %d bytes", memory)
	}
	if cpu, memory := Usage(1 << 30); cpu != 0 || memory != 0 {
		t.Errorf("nobody uses %v and %d bytes", cpu, memory)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason, path string
		bytes        int64
		want         string
	}{
		{"the end", path, 4, "6789"},
		{"more than there is", path, 100, "0123456789"},
		{"no log yet", path + ".none", 100, ""},
	} {
		got, err := Tail(test.path, test.bytes)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, %v", test.reason, got, err)
		}
	}
}

func TestWriteFileReplacesAndLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first, which is longer", "second"} {
		if err := WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("got %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil); err == nil {
		t.Error("want an error")
	}
}

func TestStartOfAProgramThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	p := &Process{Name: "kyverno", Log: filepath.Join(dir, "log"), Args: []string{filepath.Join(dir, "none")}}
	if err := p.Start(dir); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "start kyverno") {
		t.Errorf("got %v", err)
	}
	entries, _ := filepath.Glob(filepath.Join(dir, "*.process.json"))
	if slices.Contains(entries, recordPath(dir, "kyverno")) {
		t.Error("a record of a process that never was")
	}
}

// While its parent takes it away, a process is neither alive nor a zombie.
func TestWhatHasEndedStaysEnded(t *testing.T) {
	dir := t.TempDir()
	for range 40 {
		p := run(t, dir, "etcd", "plain")
		if err := p.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 500 {
			if p.Alive() {
				t.Fatal("it is alive again")
			}
		}
	}
}
