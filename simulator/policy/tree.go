package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/kustomize"
)

// file is one file of a source, with its name relative to the source's root.
type file struct {
	name     string
	content  []byte
	rendered bool // the lines of the content are not those of the file
	line     int  // of what was rendered: the line in the file, 0 where it is not known
}

// found is what a source holds: files to read, and what was passed over and why.
type found struct {
	files   []file
	ignored []Problem
	by      []file // of the names by which kustomize knows a kustomization, in the folder itself
}

// Outside is the reason for which a link is not followed.
const Outside = "a symbolic link that leads out of the folder, or nowhere"

// readTree reads a file, or the manifests below a folder in the order of their names,
// hidden folders left out. Symbolic links are followed where they stay inside the folder.
func readTree(root string) (found, error) {
	info, err := os.Stat(root)
	if err != nil {
		return found{}, err
	}
	if !info.IsDir() {
		content, err := os.ReadFile(root)
		return found{files: []file{{name: filepath.Base(root), content: content}}}, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return found{}, err
	}
	names, links, err := walk(root)
	if err != nil {
		return found{}, err
	}
	var out found
	for _, name := range links {
		target, ok := inside(root, name)
		if !ok {
			out.ignored = append(out.ignored, Problem{File: filepath.ToSlash(name), Reason: Outside})
		} else if target != "" && !slices.Contains(names, target) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return out, err
		}
		out.files = append(out.files, file{name: filepath.ToSlash(name), content: content})
	}
	for _, name := range kustomize.FileNames() {
		if content, err := os.ReadFile(filepath.Join(root, name)); err == nil {
			out.by = append(out.by, file{name: name, content: content})
		}
	}
	return out, nil
}

// walk lists the manifests below root, and the symbolic links that may be manifests or
// folders of them.
func walk(root string) (names, links []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == root {
			return nil
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipFolder(entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular() && isManifest(name):
			names = append(names, name)
		case entry.Type()&fs.ModeSymlink != 0 && mayLink(name):
			links = append(links, name)
		}
		return nil
	})
	return names, links, err
}

// inside returns the file that a link leads to, relative to root; "" for a folder, whose
// files are read under their own names.
func inside(root, name string) (string, bool) {
	target, err := filepath.EvalSymlinks(filepath.Join(root, name))
	if err != nil {
		return "", false
	}
	relative, err := filepath.Rel(root, target)
	if err != nil || !filepath.IsLocal(relative) {
		return "", false
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() {
		return "", err == nil
	}
	return relative, true
}

// skipFolder tells whether a folder holds no policies: hidden ones are for tools, and
// test suites in them often hold copies of the policies that they test.
func skipFolder(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." || name == "node_modules"
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// mayLink tells whether a link of this name may stand for a manifest or a folder of them.
func mayLink(name string) bool {
	base := filepath.Base(name)
	return isManifest(name) || filepath.Ext(base) == "" && !skipFolder(base)
}
