package policy

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/kustomize"
)

// kustomizations are the files of a folder that kustomize may build it by. Where they are links, they lead
// anywhere in the repository.
func (r repository) kustomizations(ctx context.Context, commit, dir string, tree map[string]entry) (by []file, err error) {
	for _, name := range kustomize.FileNames() {
		e, ok := tree[name]
		switch {
		case !ok || e.mode == modeSubmodule:
			continue
		case e.mode != modeLink:
			one, err := r.read(ctx, []named{{name, e.hash}}, nil)
			if err != nil {
				return nil, err
			}
			by = append(by, one.files...)
			continue
		}
		files, err := r.files(ctx, commit)
		if err != nil {
			return nil, err
		}
		if content, err := files.ReadFile("/" + path.Join(dir, name)); err == nil { // else it leads nowhere
			by = append(by, file{name: name, content: content})
		}
	}
	return by, nil
}

// files are all files of a commit, for kustomize: those that links lead to under the links' names, too.
func (r repository) files(ctx context.Context, commit string) (kustomize.Files, error) {
	tree, err := r.list(ctx, commit, "")
	if err != nil {
		return nil, err
	}
	links, err := r.links(ctx, tree)
	if err != nil {
		return nil, err
	}
	hashes := map[string]string{}
	for name, e := range tree {
		if e.mode != modeLink && e.mode != modeSubmodule {
			hashes[name] = e.hash
		}
	}
	own := slices.Sorted(maps.Keys(hashes))
	for link := range links {
		target, ok := follow(tree, links, link)
		for _, name := range own {
			if rest, is := strings.CutPrefix(name, target); ok && is && (rest == "" || rest[0] == '/') {
				hashes[link+rest] = hashes[name]
			}
		}
	}
	return kustomize.Lazy(slices.Sorted(maps.Keys(hashes)), func(name string) ([]byte, error) {
		one, err := r.read(ctx, []named{{name, hashes[name]}}, nil)
		if err != nil {
			return nil, err
		}
		return one.files[0].content, nil
	})
}
