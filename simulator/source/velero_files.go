package source

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// eachFile calls take for every file of a folder or of a tar archive, which may be compressed by
// gzip. Nothing is unpacked, and no link is followed: names are only looked at.
func eachFile(ctx context.Context, name string, take func(name string, size int64, read io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return eachOfFolder(ctx, name, take)
	}
	if err := eachOfArchive(ctx, file, take); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return ctx.Err()
}

func eachOfFolder(ctx context.Context, root string, take func(string, int64, io.Reader) error) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case !entry.Type().IsRegular():
			return take(filepath.ToSlash(name), 0, nil)
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return take(filepath.ToSlash(inside), info.Size(), file)
	})
}

func eachOfArchive(ctx context.Context, file io.Reader, take func(string, int64, io.Reader) error) error {
	plain := bufio.NewReader(file)
	var content io.Reader = plain
	if magic, _ := plain.Peek(2); string(magic) == "\x1f\x8b" {
		unzipped, err := gzip.NewReader(plain)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
		content = unzipped
	}
	counted := &tail{Reader: content}
	archive, first := tar.NewReader(counted), true
	for ctx.Err() == nil {
		header, err := archive.Next()
		switch {
		case first && err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w, and no tar archive", ErrNoBackup)
		case errors.Is(err, io.EOF):
			return counted.end()
		case err != nil:
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
		first = false
		var read io.Reader
		switch header.Typeflag {
		case tar.TypeDir:
			continue
		case tar.TypeReg:
			read = archive
		}
		if err := take(header.Name, header.Size, read); err != nil {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
	}
	return ctx.Err()
}

// tail counts the zeros that end what was read: an archive that is whole ends in two blocks of
// them, and one that was cut between two files does not.
type tail struct {
	io.Reader
	zeros int
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	for _, b := range p[:n] {
		if t.zeros++; b != 0 {
			t.zeros = 0
		}
	}
	return n, err
}

// end reads the rest, which a checksum may follow.
func (t *tail) end() error {
	if _, err := io.Copy(io.Discard, t); err != nil {
		return fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if t.zeros < 1024 {
		return fmt.Errorf("%w: unexpected EOF", ErrArchive)
	}
	return nil
}
