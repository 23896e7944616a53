package binaries

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build makes one program and puts it at dir/n. The caller holds dir's lock.
func (s *Store) build(ctx context.Context, dir string, n Name, r recipe) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("needs the go command to be built (hint: install Go, or put the programs in a folder and name it in SEATRIAL_BINARIES)")
	}
	src, err := r.source(ctx, dir)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, string(n)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return err
	}
	if r.isFile() {
		err = join(src, r.copy, tmp.Name())
	} else {
		err = s.compile(ctx, src, tmp.Name(), n, r)
	}
	if err != nil {
		return err
	}
	return install(dir, tmp.Name(), n, r)
}

func (s *Store) compile(ctx context.Context, src, out string, n Name, r recipe) error {
	e := Event{Name: n, Version: r.version}
	s.tell(e)
	stale, err := gocmd(ctx, src, "list", "-deps", "-tags", r.tags, "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", r.pkg)
	if err != nil {
		return err
	}
	e.Total = len(bytes.Fields(stale))
	s.tell(e)
	cmd := command(ctx, src, "build", "-v", "-tags", r.tags, "-ldflags", r.ldflags, "-o", out, r.pkg)
	if r.own {
		cmd.Env = append(cmd.Env, "GOOS=linux", "CGO_ENABLED=0") // containers have no C library
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	said := s.follow(stderr, e)
	if err := cmd.Wait(); err != nil {
		return failed(ctx, cmd, said, err)
	}
	return nil
}

// follow counts the packages that go build -v names and returns what else it said.
func (s *Store) follow(r io.Reader, e Event) []byte {
	var said bytes.Buffer
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // a linker's command line is longer than the usual 64 KiB
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.ContainsAny(line, " \t:") {
			fmt.Fprintln(&said, line)
			continue
		}
		e.Done = min(e.Done+1, e.Total)
		s.tell(e)
	}
	return said.Bytes()
}

func (s *Store) tell(e Event) {
	if s.Progress != nil {
		s.Progress(e)
	}
}

// source is the folder to build in: a module of the proxy, whose sum is
// compared with the pinned one, or our own module written into the cache.
func (r recipe) source(ctx context.Context, dir string) (string, error) {
	if r.isOurs() {
		return r.write(dir)
	}
	out, err := gocmd(ctx, dir, "mod", "download", "-json", r.path+"@"+r.version)
	if err != nil {
		return "", err
	}
	var m struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(out, &m); err != nil {
		return "", fmt.Errorf("go mod download: %w", err)
	}
	if m.Sum != r.sum {
		return "", fmt.Errorf("%s@%s has the sum %s, want %s", r.path, r.version, m.Sum, r.sum)
	}
	return m.Dir, nil
}

// Module is the folder of a module of the proxy, downloaded first when it is not there.
func Module(ctx context.Context, path, version, sum string) (dir string, err error) {
	return recipe{path: path, version: version, sum: sum}.source(ctx, os.TempDir())
}

func (r recipe) write(dir string) (string, error) {
	src := filepath.Join(dir, "src")
	files, err := r.written()
	if err != nil {
		return "", err
	}
	for _, f := range files {
		path := filepath.Join(src, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			return "", err
		}
	}
	return src, nil
}

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "PWD="+dir)
	return cmd
}

func gocmd(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := command(ctx, dir, args...)
	if args[0] == "mod" {
		cmd.Env = append(cmd.Env, "GOFLAGS=")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, failed(ctx, cmd, append(stderr.Bytes(), out...), err)
	}
	return out, nil
}

// failed says what a go command said before it failed, at most its last lines.
func failed(ctx context.Context, cmd *exec.Cmd, said []byte, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if len(lines) > 20 {
		lines = lines[len(lines)-20:]
	}
	return fmt.Errorf("go %s: %w\n%s", cmd.Args[1], err, strings.Join(lines, "\n"))
}
