// Package outfile writes the files that a user names: whole ones, or none.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file that is being written. A regular one is written beside its place, with
// mode 0600, and put there when it is complete, so that half a file never stands under the
// name. A link keeps pointing where it did; a device or a pipe is written to as it is.
type File struct {
	name   string // as the user has it
	path   string // of the file behind it
	file   *os.File
	direct bool
}

// Create starts a file.
func Create(name string) (*File, error) {
	f := &File{name: name, path: behind(name)}
	info, err := os.Stat(f.path)
	if f.direct = err == nil && !info.Mode().IsRegular(); f.direct {
		f.file, err = os.OpenFile(f.path, os.O_WRONLY, 0)
	} else {
		f.file, err = os.CreateTemp(filepath.Dir(f.path), ".seatrial-*")
	}
	if err != nil {
		return nil, f.failed(err)
	}
	return f, nil
}

// behind is what a name leads to. The links of /dev/fd lead to what has no name of its own.
func behind(name string) string {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return name
	}
	for range 40 { // as many links as Linux follows
		target, err := os.Readlink(name)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return name
}

// Write adds to the file.
func (f *File) Write(content []byte) (int, error) {
	n, err := f.file.Write(content)
	if err != nil {
		return n, f.failed(err)
	}
	return n, nil
}

// Close completes the file and puts it in its place. After an error nothing is left of it.
func (f *File) Close() error {
	var err error
	if !f.direct {
		err = f.file.Sync()
	}
	err = errors.Join(err, f.file.Close())
	if err == nil && !f.direct {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		f.Abort()
		return f.failed(err)
	}
	return nil
}

// Abort drops what was written.
func (f *File) Abort() {
	f.file.Close()
	if !f.direct {
		os.Remove(f.file.Name())
	}
}

// failed says what is wrong in the name that the user gave.
func (f *File) failed(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("write %s: %w", f.name, err)
}
