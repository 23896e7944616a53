// Package process runs programs that outlive the command which started them, and finds them
// again: [Process] is the record of one, kept in a folder; [KillAll] ends all that a folder knows.
package process

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
	"strings"
	"syscall"
	"time"
)

// A Process is one that outlives the command that started it. It is known by
// its record in the state folder, so that a later command can find and stop it.
type Process struct {
	Name    string    `json:"name"`
	PID     int       `json:"pid"`
	Started uint64    `json:"started"` // the kernel's start time of PID, so that another process of that number is never taken for it
	Args    []string  `json:"args"`
	Env     []string  `json:"env,omitempty"` // besides PATH and HOME
	Log     string    `json:"log"`
	At      time.Time `json:"at"`
}

// Start runs the process, writing its output to its log. Its record is in dir
// before it runs and is completed afterwards; what a crash leaves in between is
// found by the state folder's name in its arguments ([strays]).
func (p *Process) Start(dir string) error {
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
	return p.Save(dir)
}

// Save writes the record into dir, also of a process that has not started yet.
func (p *Process) Save(dir string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return WriteFile(recordPath(dir, p.Name), data)
}

func recordPath(dir, name string) string { return filepath.Join(dir, name+".process.json") }

// Load reads the record of a process; fs.ErrNotExist when there is none.
func Load(dir, name string) (*Process, error) {
	data, err := os.ReadFile(recordPath(dir, name))
	if err != nil {
		return nil, err
	}
	var p Process
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", recordPath(dir, name), err)
	}
	return &p, nil
}

// Alive says whether the process of the record still runs.
func (p *Process) Alive() bool {
	return p.PID > 0 && p.Started > 0 && startTime(p.PID) == p.Started
}

// Kill ends the process at once and waits until it is gone.
func (p *Process) Kill(ctx context.Context) error {
	return p.signal(ctx, syscall.SIGKILL)
}

// Stop asks the process to end, and ends it when it has not within the patience.
func (p *Process) Stop(ctx context.Context, patience time.Duration) error {
	gentle, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.signal(gentle, syscall.SIGTERM); err == nil {
		return nil
	}
	return p.Kill(context.WithoutCancel(ctx))
}

func (p *Process) signal(ctx context.Context, sig syscall.Signal) error {
	if !p.Alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	for wait := time.Millisecond; p.Alive(); wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	return nil
}

// Tail is the end of the process's log.
func (p *Process) Tail(bytes int64) ([]byte, error) { return Tail(p.Log, bytes) }

// Explain adds the end of the process's log to an error.
func (p *Process) Explain(err error) error {
	tail, _ := p.Tail(2000)
	if text := strings.TrimSpace(string(tail)); text != "" {
		return fmt.Errorf("%w\nthe end of %s:\n%s", err, p.Log, text)
	}
	return err
}

// Tail is the end of a file, at most the last bytes given; nothing when it is not there.
func Tail(path string, bytes int64) ([]byte, error) {
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

// WriteFile writes data for this user alone, by way of a temporary name.
func WriteFile(path string, data []byte) error {
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
