package embedded

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// killAll ends every process whose record is below dir, or which runs one of
// our programs with the folder in its arguments, and waits until they are gone.
func killAll(ctx context.Context, dir string) error {
	var all []*process
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if name, ok := strings.CutSuffix(d.Name(), ".process.json"); ok && !d.IsDir() {
			if p, err := loadProcess(filepath.Dir(path), name); err == nil {
				all = append(all, p)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, pid := range strays(dir) {
		if !slices.ContainsFunc(all, func(p *process) bool { return p.PID == pid }) {
			all = append(all, &process{Name: "stray process", PID: pid, Started: startTime(pid)})
		}
	}
	for _, p := range all { // all at once, then wait for each
		if p.alive() {
			syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	var errs []error
	for _, p := range all {
		errs = append(errs, p.kill(ctx))
	}
	return errors.Join(errs...)
}

// ours says whether a command line is that of a program of ours working in dir.
// Arguments may be separated by NUL or by blanks.
func ours(args, dir string) bool {
	exe, rest, _ := strings.Cut(args, "\x00")
	if rest == "" {
		exe, rest, _ = strings.Cut(args, " ")
	}
	base := filepath.Base(exe)
	known := base == "etcd"
	for _, n := range program {
		known = known || base == string(n)
	}
	return known && strings.Contains(rest, dir+string(filepath.Separator))
}
