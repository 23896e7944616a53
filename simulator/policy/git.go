package policy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
)

// loadGit reads the manifests below a path at a revision. git itself is asked, so that
// worktrees, shallow and partial clones are read as the user's git reads them.
func loadGit(ctx context.Context, source, rest string, opt Options) (*Set, error) {
	rev, dir, ok := strings.Cut(rest, ":")
	if !ok || rev == "" {
		return nil, fmt.Errorf("%s: want git:REVISION:PATH, as in git:main:policies", source)
	}
	repo := repository{ctx, opt.Dir}
	commit, err := repo.resolve(rev)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	dir = path.Clean("/" + dir)[1:]
	entries, err := repo.list(commit, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	files, err := repo.read(entries)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return fromFiles(source, commit, files)
}

// Resolve returns the full commit hash of a revision of the repository that holds dir.
func Resolve(ctx context.Context, rev, dir string) (string, error) {
	return repository{ctx, dir}.resolve(rev)
}

// Root returns the top folder of the repository that holds dir.
func Root(ctx context.Context, dir string) (string, error) {
	out, err := repository{ctx, dir}.git(nil, "rev-parse", "--show-toplevel")
	return strings.TrimSpace(string(out)), err
}

type repository struct {
	ctx context.Context
	dir string
}

func (r repository) git(stdin io.Reader, args ...string) ([]byte, error) {
	command := exec.CommandContext(r.ctx, "git", args...)
	command.Dir = r.dir
	command.Stdin = stdin
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("git is not installed, and a git revision was asked for")
	}
	if err != nil {
		reason := strings.TrimSpace(strings.TrimPrefix(stderr.String(), "fatal: "))
		if reason == "" {
			reason = err.Error()
		}
		return nil, errors.New(reason)
	}
	return out, nil
}

func (r repository) resolve(rev string) (string, error) {
	out, err := r.git(nil, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	if strings.Contains(err.Error(), "not a git repository") || strings.Contains(err.Error(), "not installed") {
		return "", err
	}
	if shallow, _ := r.git(nil, "rev-parse", "--is-shallow-repository"); strings.TrimSpace(string(shallow)) == "true" {
		return "", fmt.Errorf("revision %q is not in this repository, which is a shallow clone: fetch it with git fetch --unshallow, or fetch-depth: 0 in a workflow", rev)
	}
	return "", fmt.Errorf("revision %q is not in this repository", rev)
}

type entry struct{ hash, name string }

// list returns the manifests below dir, by name. dir may be a file.
func (r repository) list(commit, dir string) ([]entry, error) {
	args := []string{"ls-tree", "-r", "-z", "--full-tree", commit}
	if dir != "" {
		args = append(args, "--", dir)
	}
	out, err := r.git(nil, args...)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta) // mode, type, hash
		if !ok || len(fields) != 3 || fields[1] != "blob" || fields[0] == "120000" {
			continue
		}
		if name != dir && (!isManifest(name) || slices.ContainsFunc(strings.Split(name, "/"), skipFolder)) {
			continue
		}
		relative := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		if relative == "" {
			relative = path.Base(name)
		}
		entries = append(entries, entry{fields[2], relative})
	}
	if len(entries) == 0 && strings.TrimSpace(string(out)) == "" {
		return nil, fmt.Errorf("path %q does not exist at revision %s", dir, commit[:min(12, len(commit))])
	}
	return entries, nil
}

// read fetches all blobs with one git process.
func (r repository) read(entries []entry) ([]file, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	var ask bytes.Buffer
	for _, e := range entries {
		fmt.Fprintln(&ask, e.hash)
	}
	out, err := r.git(&ask, "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	reader := bufio.NewReader(bytes.NewReader(out))
	files := make([]file, 0, len(entries))
	for _, e := range entries {
		header, err := reader.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.name, err)
		}
		fields := strings.Fields(header) // hash, type, size
		if len(fields) != 3 {
			return nil, fmt.Errorf("read %s: git does not have the file's content; is this a partial clone?", e.name)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil || size > len(out) {
			return nil, fmt.Errorf("read %s: git says %q", e.name, strings.TrimSpace(header))
		}
		content := make([]byte, size)
		if _, err := io.ReadFull(reader, content); err != nil {
			return nil, fmt.Errorf("read %s: %w", e.name, err)
		}
		if _, err := reader.Discard(1); err != nil {
			return nil, fmt.Errorf("read %s: %w", e.name, err)
		}
		files = append(files, file{e.name, content})
	}
	return files, nil
}
