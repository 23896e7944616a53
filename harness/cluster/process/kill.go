package process

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// KillAll ends every process whose record is below dir, or which runs one of
// the programs, given by file name, with the folder in its arguments, and waits
// until they are gone.
func KillAll(ctx context.Context, dir string, programs []string) error {
	var all []*Process
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if name, ok := strings.CutSuffix(d.Name(), ".process.json"); ok && !d.IsDir() {
			if p, err := Load(filepath.Dir(path), name); err == nil {
				all = append(all, p)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, pid := range strays(dir, programs) {
		if !slices.ContainsFunc(all, func(p *Process) bool { return p.PID == pid }) {
			all = append(all, &Process{Name: "stray process", PID: pid, Started: startTime(pid)})
		}
	}
	for _, p := range all { // all at once, then wait for each
		if p.Alive() {
			syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	var errs []error
	for _, p := range all {
		errs = append(errs, p.Kill(ctx))
	}
	return errors.Join(errs...)
}

// Ours says whether a command line is that of one of the programs working in dir.
// Arguments may be separated by NUL or by blanks.
func Ours(args, dir string, programs []string) bool {
	exe, rest, _ := strings.Cut(args, "\x00")
	if rest == "" {
		exe, rest, _ = strings.Cut(args, " ")
	}
	return slices.Contains(programs, filepath.Base(exe)) && strings.Contains(rest, dir+string(filepath.Separator))
}
