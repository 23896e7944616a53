package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/seatrial/seatrial/harness/cluster/process"
)

func TestAFullDiskIsTheCause(t *testing.T) {
	log := filepath.Join(t.TempDir(), "etcd.log")
	content := "panic: write data/member/wal/0.tmp: no space left on device\n\ngoroutine 1 [running]:\nmain.main()\n"
	if err := os.WriteFile(log, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "etcd ended: " + filepath.Dir(log) + ": no space left on device"
	if got := ended(&process.Process{Name: "etcd", Log: log}).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
