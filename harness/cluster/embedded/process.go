package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A process is one that outlives the command that started it. It is known by
// its record in the state folder, so that a later command can find and stop it.
type process struct {
	Name    string    `json:"name"`
	PID     int       `json:"pid"`
	Started uint64    `json:"started"` // the kernel's start time of PID, so that another process of that number is never taken for it
	Args    []string  `json:"args"`
	Env     []string  `json:"env,omitempty"` // besides PATH and HOME
	Log     string    `json:"log"`
	At      time.Time `json:"at"`
}

// start runs the process, writing its output to its log. Its record is in dir
// before it runs and is completed afterwards; what a crash leaves in between is
// found by the state folder's name in its arguments ([strays]).
func (p *process) start(dir string) error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, p.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.PID, p.At = cmd.Process.Pid, time.Now().UTC()
	p.Started = startTime(p.PID)
	go cmd.Wait() // reaped here while this command lives, by init afterwards
	return p.save(dir)
}

func (p *process) save(dir string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return writeFile(recordPath(dir, p.Name), data)
}

func recordPath(dir, name string) string { return filepath.Join(dir, name+".process.json") }

// loadProcess reads the record of a process; fs.ErrNotExist when there is none.
func loadProcess(dir, name string) (*process, error) {
	data, err := os.ReadFile(recordPath(dir, name))
	if err != nil {
		return nil, err
	}
	var p process
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", recordPath(dir, name), err)
	}
	return &p, nil
}

// alive says whether the process of the record still runs.
func (p *process) alive() bool {
	return p.PID > 0 && syscall.Kill(p.PID, 0) == nil && startTime(p.PID) == p.Started && !zombie(p.PID)
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill(ctx context.Context) error {
	return p.signal(ctx, syscall.SIGKILL)
}

// stop asks the process to end, and ends it when it has not within the patience.
func (p *process) stop(ctx context.Context, patience time.Duration) error {
	gentle, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.signal(gentle, syscall.SIGTERM); err == nil {
		return nil
	}
	return p.kill(context.WithoutCancel(ctx))
}

func (p *process) signal(ctx context.Context, sig syscall.Signal) error {
	if !p.alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	for wait := time.Millisecond; p.alive(); wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	return nil
}

// tail is the end of the process's log.
func (p *process) tail(bytes int64) ([]byte, error) { return tailFile(p.Log, bytes) }

func tailFile(path string, bytes int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, info.Size()-bytes), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, bytes))
}

// writeFile writes data for this user alone, by way of a temporary name.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
