package policy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/kustomize"
)

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
