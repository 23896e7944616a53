package policy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxLinks bounds the symbolic links followed for one name, so that a cycle ends.
const maxLinks = 16

// choose says what is read of a tree: the manifests, and of the symbolic links those that
// lead to a file of the tree which is not read under its own name.
func choose(tree map[string]entry, links map[string]string) (wanted []named, ignored []Problem) {
	own := map[string]bool{}
	names := slices.Sorted(maps.Keys(tree))
	for _, name := range names {
		if mode := tree[name].mode; isWanted(name) && mode != modeLink && mode != modeSubmodule {
			own[name] = true
		}
	}
	for _, name := range names {
		switch e := tree[name]; {
		case e.mode == modeSubmodule:
			ignored = append(ignored, Problem{File: name, Reason: "a submodule: its files are not in this repository"})
		case own[name]:
			wanted = append(wanted, named{name, e.hash})
		case e.mode == modeLink && mayLink(name) && !inSkipped(name):
			target, ok := follow(tree, links, name)
			if !ok {
				ignored = append(ignored, Problem{File: name, Reason: Outside})
			} else if file, ok := tree[target]; ok && !own[target] {
				wanted = append(wanted, named{name, file.hash})
			}
		}
	}
	return wanted, ignored
}

// isWanted tells whether the file of a tree is a manifest and in no folder to skip.
func isWanted(name string) bool {
	return isManifest(name) && !inSkipped(name)
}

func inSkipped(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), skipFolder)
}

// follow returns the file or folder of the tree that a name leads to through symbolic links.
func follow(tree map[string]entry, links map[string]string, name string) (string, bool) {
	for range maxLinks {
		link := ""
		for at := name; at != "." && at != ".."; at = path.Dir(at) { // the shortest prefix that is a link
			if _, ok := links[at]; ok {
				link = at
			}
		}
		if link == "" {
			return name, holds(tree, name)
		}
		target := links[link]
		if path.IsAbs(target) {
			return "", false
		}
		name = path.Join(path.Dir(link), target, strings.TrimPrefix(name, link))
	}
	return "", false
}

// holds tells whether a tree has a file, or a folder, of the name.
func holds(tree map[string]entry, name string) bool {
	if _, ok := tree[name]; ok || name == "." {
		return true
	}
	for file := range tree {
		if strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}

// links reads what the tree's symbolic links point at.
func (r repository) links(ctx context.Context, tree map[string]entry) (map[string]string, error) {
	var ask []named
	for name, e := range tree {
		if e.mode == modeLink {
			ask = append(ask, named{name, e.hash})
		}
	}
	read, err := r.read(ctx, ask, nil)
	links := map[string]string{}
	for _, f := range read.files {
		links[f.name] = string(f.content)
	}
	return links, err
}

// read fetches contents with one git process.
func (r repository) read(ctx context.Context, wanted []named, ignored []Problem) (found, error) {
	out := found{ignored: ignored}
	if len(wanted) == 0 {
		return out, nil
	}
	var ask bytes.Buffer
	for _, w := range wanted {
		fmt.Fprintln(&ask, w.hash)
	}
	answer, err := r.git(ctx, &ask, "cat-file", "--batch")
	if err != nil {
		return out, err
	}
	reader := bufio.NewReader(bytes.NewReader(answer))
	for _, w := range wanted {
		content, err := readBlob(reader, len(answer))
		if err != nil {
			return out, fmt.Errorf("read %s: %w", w.name, err)
		}
		out.files = append(out.files, file{name: w.name, content: content})
	}
	return out, nil
}

// readBlob reads one answer of git cat-file --batch: "HASH TYPE SIZE", a line break,
// SIZE bytes, a line break.
func readBlob(reader *bufio.Reader, limit int) ([]byte, error) {
	header, err := reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(header)
	if len(fields) != 3 {
		return nil, fmt.Errorf("git does not have the file's content; is this a partial clone?")
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil || size < 0 || size > limit {
		return nil, fmt.Errorf("git says %q", strings.TrimSpace(header))
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(reader, content); err != nil {
		return nil, err
	}
	_, err = reader.Discard(1)
	return content, err
}
