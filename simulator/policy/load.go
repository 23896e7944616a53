package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrEmpty is returned for a source that holds no policy at all, which is more often a
// mistyped path than an intended answer.
var ErrEmpty = errors.New("holds no policies")

// Options says where relative sources are looked up.
type Options struct {
	Dir string // working directory; "" is the process's
}

// file is one file of a source, with its name relative to the source's root.
type file struct {
	name    string
	content []byte
}

// Load reads a policy set. spec is "none", a folder, a file, or "git:REV:path", where
// path is relative to the root of the repository that holds the working directory.
func Load(ctx context.Context, spec string, opt Options) (*Set, error) {
	if spec == "none" {
		return FromObjects(spec, nil), nil
	}
	if rest, ok := strings.CutPrefix(spec, "git:"); ok {
		return loadGit(ctx, spec, rest, opt)
	}
	at := spec
	if opt.Dir != "" && !filepath.IsAbs(at) {
		at = filepath.Join(opt.Dir, at)
	}
	files, err := readTree(at)
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return fromFiles(spec, "", files)
}

// readTree reads a file, or the manifests below a folder in the order of their names,
// hidden folders left out. Symbolic links are followed where they stay inside the folder.
func readTree(root string) ([]file, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		content, err := os.ReadFile(root)
		return []file{{filepath.Base(root), content}}, err
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	var files []file
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == root || !skipFolder(entry.Name()) {
				return nil
			}
			return fs.SkipDir
		}
		if !isManifest(path) || !staysInside(real, path, entry) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		files = append(files, file{filepath.ToSlash(name), content})
		return err
	})
	return files, err
}

// skipFolder tells whether a folder holds no policies: hidden ones are for tools, and
// test suites in them often hold copies of the policies that they test.
func skipFolder(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." || name == "node_modules"
}

func staysInside(root, path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type().IsRegular()
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil || !strings.HasPrefix(target, root+string(filepath.Separator)) {
		return false
	}
	info, err := os.Stat(target)
	return err == nil && info.Mode().IsRegular()
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// fromFiles makes a set of files and refuses one without any policy.
func fromFiles(source, revision string, files []file) (*Set, error) {
	set := &Set{Source: source, Revision: revision}
	for _, f := range files {
		set.read(f)
	}
	set.dropDuplicates()
	set.seal()
	if len(set.Objects) == 0 && len(set.Problems) == 0 {
		return nil, fmt.Errorf("%s: %w (%d files read)", source, ErrEmpty, len(files))
	}
	return set, nil
}

// FromObjects makes a set of objects that were read elsewhere, such as those that a
// capture shows as installed. Objects need APIVersion, Kind, Name and JSON.
func FromObjects(source string, objects []Object) *Set {
	set := &Set{Source: source, Objects: slices.Clone(objects)}
	for i := range set.Objects {
		set.Objects[i].Digest = digest(set.Objects[i].JSON)
	}
	slices.SortStableFunc(set.Objects, func(a, b Object) int {
		return strings.Compare(a.Kind+"/"+a.Namespace+"/"+a.Name, b.Kind+"/"+b.Namespace+"/"+b.Name)
	})
	set.seal()
	return set
}

// dropDuplicates keeps the first of several objects with the same name; the others are problems.
func (s *Set) dropDuplicates() {
	first := map[objectKey]*Object{}
	var kept []Object
	for i := range s.Objects {
		o := &s.Objects[i]
		if known := first[keyOf(o)]; known != nil {
			s.Problems = append(s.Problems, Problem{
				File: o.File, Line: o.Line, Policy: o.Kind + "/" + o.Name,
				Reason: fmt.Sprintf("is defined twice; the first is at %s:%d", known.File, known.Line),
			})
			continue
		}
		first[keyOf(o)] = o
		kept = append(kept, *o)
	}
	s.Objects = kept
}

func (s *Set) seal() {
	sum := sha256.New()
	for _, objects := range [][]Object{s.Objects, s.Others} {
		for _, o := range objects {
			fmt.Fprintf(sum, "%s %s %s %s\n", o.Kind, o.Namespace, o.Name, o.Digest)
		}
	}
	s.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func canonical(object map[string]any) (json.RawMessage, error) { return json.Marshal(object) }
