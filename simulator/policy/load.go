package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/kustomize"
)

// ErrEmpty is returned for a source that holds no policy at all, which is more often a
// mistyped path than an intended answer.
var ErrEmpty = errors.New("holds no policies")

// ErrNoPath is returned for a path that a git revision does not have.
var ErrNoPath = errors.New("does not exist at")

// Twice is what is wrong with the second of two objects of one name.
const Twice = "is defined twice"

// Options says where relative sources are looked up.
type Options struct {
	Dir       string    // working directory; "" is the process's
	Stdin     io.Reader // what "-" stands for; nil: for nothing
	AsWritten bool      // a kustomization of the folder is passed over
}

// Load reads a policy set. spec is "none", a folder, a file, "-", or "git:REV:path", where
// path is relative to the root of the repository that holds the working directory. A folder with a
// kustomization is read as kustomize builds it: errors of it are [BuildError].
func Load(ctx context.Context, spec string, opt Options) (*Set, error) {
	if spec == "none" {
		return FromObjects(spec, nil), nil
	}
	set, files, err := load(ctx, spec, "policies", opt)
	if err == nil && len(set.Objects) == 0 && len(set.Problems) == 0 {
		return nil, fmt.Errorf("%s: %w (%d files read)", spec, ErrEmpty, files)
	}
	return set, err
}

// LoadObjects is Load for sources that may hold no policy at all, such as the folder of a
// hub: what else they hold is in Others.
func LoadObjects(ctx context.Context, spec string, opt Options) (*Set, error) {
	set, _, err := load(ctx, spec, "objects", opt)
	return set, err
}

// load reads a set and says how many files it came from. what is read, for errors.
func load(ctx context.Context, spec, what string, opt Options) (*Set, int, error) {
	if rest, ok := strings.CutPrefix(spec, "git:"); ok {
		return loadGit(ctx, spec, rest, opt)
	}
	if spec == "-" {
		return loadStdin(what, opt)
	}
	at := spec
	if opt.Dir != "" && !filepath.IsAbs(at) {
		at = filepath.Join(opt.Dir, at)
	}
	in, err := readTree(at)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", what, err)
	}
	set := fromFiles(spec, "", in)
	if by := kustomization(in.by); by.name != "" && !opt.AsWritten {
		set, err = build(kustomize.OnDisk(), at, by.name, set)
	}
	return set, len(in.files), err
}

// stdin is how answers name standard input.
const stdin = "stdin"

func loadStdin(what string, opt Options) (*Set, int, error) {
	if opt.Stdin == nil {
		return nil, 0, fmt.Errorf("read %s: standard input is not read here: give a file or a folder", what)
	}
	content, err := io.ReadAll(opt.Stdin)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s from standard input: %w", what, err)
	}
	return fromFiles(stdin, "", found{files: []file{{name: stdin, content: content}}}), 1, nil
}

// fromFiles makes a set of files.
func fromFiles(source, revision string, in found) *Set {
	set := &Set{Source: source, Revision: revision, Ignored: in.ignored}
	of := suites(in.files)
	for _, f := range in.files {
		set.read(f, of[f.name])
	}
	set.complete()
	return set
}

// complete settles a set once everything is in it.
func (s *Set) complete() {
	s.dropDuplicates()
	slices.SortStableFunc(s.Ignored, Problem.compare)
	slices.SortStableFunc(s.Problems, Problem.compare)
	s.seal()
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
				Reason: fmt.Sprintf("%s; the first is at %s:%d", Twice, known.File, known.Line),
			})
			continue
		}
		first[keyOf(o)] = o
		kept = append(kept, *o)
	}
	s.Objects = kept
}

func (p Problem) compare(q Problem) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line))
}

// seal digests the set, once it is complete.
func (s *Set) seal() {
	sum := sha256.New()
	for _, objects := range [][]Object{s.Objects, s.Others} {
		for _, o := range objects {
			fmt.Fprintf(sum, "%s %s %s %s\n", o.Kind, o.Namespace, o.Name, o.Digest)
		}
	}
	s.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// With is the object with another content.
func (o Object) With(content json.RawMessage) Object {
	o.JSON, o.Digest = content, digest(content)
	return o
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
