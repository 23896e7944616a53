package kustomize

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Files is what kustomizations are read from. Names are absolute, or of the working directory.
type Files = filesys.FileSystem

// OnDisk are the files of the machine.
func OnDisk() Files { return filesys.MakeFsOnDisk() }

// lazy are files whose names are known, and whose contents are read when they are asked for.
type lazy struct {
	filesys.FileSystem // of empty files
	read               func(name string) ([]byte, error)
}

// Lazy are the files of the names, which begin at "/" without it, as read has them.
func Lazy(names []string, read func(name string) ([]byte, error)) (Files, error) {
	files := filesys.MakeFsInMemory()
	for _, name := range names {
		if err := files.WriteFile("/"+name, nil); err != nil {
			return nil, fmt.Errorf("list %s: %w", name, err)
		}
	}
	return &lazy{files, read}, nil
}

// ReadFile reads a file.
func (l *lazy) ReadFile(name string) ([]byte, error) {
	if content, err := l.FileSystem.ReadFile(name); err != nil {
		return content, err
	}
	return l.read(strings.TrimPrefix(name, "/"))
}
