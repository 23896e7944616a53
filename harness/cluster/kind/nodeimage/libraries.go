package nodeimage

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// withLibraries adds to files the shared libraries that they are linked to, as root has them.
// Files that are no programs need none.
func withLibraries(root string, files ...file) ([]file, error) {
	found := map[string]string{} // path in the image to file
	for _, f := range files {
		err := filepath.WalkDir(f.from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return libraries(root, path, found)
		})
		if err != nil {
			return nil, err
		}
	}
	var paths []string
	for to := range found {
		paths = append(paths, to)
	}
	slices.Sort(paths)
	for _, to := range paths {
		files = append(files, file{found[to], to})
	}
	return files, nil
}

// libraries notes what one program or library is linked to, and what that is linked to.
func libraries(root, path string, found map[string]string) error {
	if is, err := isELF(path); err != nil || !is {
		return err
	}
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if loader := interpreter(f); loader != "" {
		needed = append(needed, loader)
	}
	for _, n := range needed {
		from, to := locate(root, n)
		if from == "" {
			return fmt.Errorf("%s needs %s, which the node's Debian packages do not have", path, n)
		}
		if found[to] != "" {
			continue
		}
		found[to] = from
		if err := libraries(root, from, found); err != nil {
			return err
		}
	}
	return nil
}

// isELF says whether a file begins as a program or a library does.
func isELF(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(f, magic); err != nil {
		return false, nil // shorter than that
	}
	return string(magic) == elf.ELFMAG, nil
}

// interpreter is the path of the loader that a dynamic program names.
func interpreter(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, p.Filesz)
		if n, err := p.ReadAt(name, 0); err == nil && n > 1 {
			return string(name[:n-1]) // without its NUL
		}
	}
	return ""
}

// locate finds a library by its name, or the loader by its path: the file in root that holds it
// and the path that it is to have.
func locate(root, name string) (from, to string) {
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = nil
		for _, pattern := range []string{"usr/lib/*-linux-gnu", "usr/lib", "usr/lib64"} {
			dirs, _ := filepath.Glob(filepath.Join(root, pattern))
			for _, d := range dirs {
				candidates = append(candidates, d[len(root):]+"/"+name)
			}
		}
	}
	for _, c := range candidates {
		if real, err := inside(root, c); err == nil {
			return real, c
		}
	}
	return "", ""
}

// inside follows a path with its links as a process would whose root is root.
func inside(root, path string) (string, error) {
	at := root
	parts := splitPath(path)
	for hops := 0; len(parts) > 0; hops++ {
		if hops > 255 {
			return "", fmt.Errorf("%s: too many links", path)
		}
		next := filepath.Join(at, parts[0])
		if parts[0] == ".." && at == root {
			next = root
		}
		parts = parts[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = root
		}
		parts = append(splitPath(target), parts...)
	}
	return at, nil
}

func splitPath(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(s string) bool { return s == "" })
}
