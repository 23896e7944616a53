package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// loadGit reads the manifests below a path at a revision. git itself is asked, so that
// worktrees, shallow and partial clones are read as the user's git reads them.
func loadGit(ctx context.Context, source, rest string, opt Options) (set *Set, files int, err error) {
	rev, dir, ok := strings.Cut(rest, ":")
	if !ok || rev == "" {
		return nil, 0, fmt.Errorf("%s: want git:REVISION:PATH, as in git:main:policies", source)
	}
	repo := repository(opt.Dir)
	commit, err := repo.resolve(ctx, rev)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", source, err)
	}
	dir = path.Clean("/" + dir)
	in, err := repo.manifests(ctx, commit, dir[1:])
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", source, err)
	}
	set = fromFiles(source, commit, in)
	by := kustomization(in.by)
	if by.name == "" || opt.AsWritten {
		return set, len(in.files), nil
	}
	tree, err := repo.files(ctx, commit)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", source, err)
	}
	set, err = build(tree, dir, by.name, set)
	return set, len(in.files), err
}

// Resolve returns the full commit hash of a revision of the repository that holds dir.
func Resolve(ctx context.Context, rev, dir string) (string, error) {
	return repository(dir).resolve(ctx, rev)
}

// Root returns the top folder of the repository that holds dir.
func Root(ctx context.Context, dir string) (string, error) {
	out, err := repository(dir).git(ctx, nil, "rev-parse", "--show-toplevel")
	return strings.TrimSpace(string(out)), err
}

// PathInRepository turns a path of the working directory into the one that git knows.
func PathInRepository(ctx context.Context, name string) (string, error) {
	root, err := Root(ctx, "")
	if err != nil {
		return "", err
	}
	at, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real // git names its root without links
	}
	relative, err := filepath.Rel(root, at)
	if err != nil {
		return "", err
	}
	relative = filepath.ToSlash(relative)
	if relative == ".." || strings.HasPrefix(relative, "../") {
		return "", fmt.Errorf("%s is outside of the repository %s", name, root)
	}
	return relative, nil
}

// repository is a folder within a git repository; "" is the working directory.
type repository string

func (r repository) git(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = string(r)
	command.Stdin = stdin
	// Paths are names, not patterns; messages are matched below, so they must be English.
	command.Env = append(os.Environ(), "GIT_LITERAL_PATHSPECS=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
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

// unknownRevision is what git says of a revision that it cannot resolve; of anything else
// that goes wrong it says something else.
var unknownRevision = []string{"Needed a single revision", "bad revision", "bad object", "unknown revision"}

func (r repository) resolve(ctx context.Context, rev string) (string, error) {
	out, err := r.git(ctx, nil, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	if !slices.ContainsFunc(unknownRevision, func(s string) bool { return strings.Contains(err.Error(), s) }) {
		return "", err
	}
	if shallow, _ := r.git(ctx, nil, "rev-parse", "--is-shallow-repository"); strings.TrimSpace(string(shallow)) == "true" {
		return "", fmt.Errorf("revision %q is not in this repository, which is a shallow clone: fetch it with git fetch --unshallow, or fetch-depth: 0 in a workflow", rev)
	}
	return "", fmt.Errorf("revision %q is not in this repository: git branch -a and git tag list what is, git fetch --all --tags brings more", rev)
}

// manifests reads the manifests below dir at a commit, by name. dir may be a file.
func (r repository) manifests(ctx context.Context, commit, dir string) (found, error) {
	tree, err := r.list(ctx, commit, dir)
	if err != nil {
		return found{}, err
	}
	if one, ok := tree[""]; ok {
		switch one.mode {
		case modeLink:
			return found{}, fmt.Errorf("path %q is a symbolic link at revision %.12s: name what it points at", dir, commit)
		case modeSubmodule:
			return found{}, fmt.Errorf("path %q is a submodule at revision %.12s: name a revision of its own repository", dir, commit)
		}
		return r.read(ctx, []named{{path.Base(dir), one.hash}}, nil)
	}
	links, err := r.links(ctx, tree)
	if err != nil {
		return found{}, err
	}
	wanted, ignored := choose(tree, links)
	out, err := r.read(ctx, wanted, ignored)
	if err != nil {
		return out, err
	}
	out.by, err = r.kustomizations(ctx, commit, dir, tree)
	return out, err
}

// The modes of tree entries that are no regular files.
const (
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// entry is one file of a commit's tree.
type entry struct{ mode, hash string }

// named is the content that a name stands for.
type named struct{ name, hash string }

// list returns the files below dir by their names relative to it. The name "" is dir
// itself, when it is a file.
func (r repository) list(ctx context.Context, commit, dir string) (map[string]entry, error) {
	args := []string{"ls-tree", "-r", "-z", "--full-tree", commit}
	if dir != "" {
		args = append(args, "--", dir)
	}
	out, err := r.git(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	tree := map[string]entry{}
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta) // mode, type, hash
		if !ok || len(fields) != 3 {
			continue
		}
		if name == dir {
			tree[""] = entry{fields[0], fields[2]}
			continue
		}
		if dir != "" {
			name = strings.TrimPrefix(name, dir+"/")
		}
		tree[name] = entry{fields[0], fields[2]}
	}
	if len(tree) == 0 && dir != "" {
		return nil, fmt.Errorf("path %q %w revision %.12s: paths count from the top of the repository", dir, ErrNoPath, commit)
	}
	return tree, nil
}
