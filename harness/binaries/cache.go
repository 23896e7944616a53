package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// built is what is kept beside a program of the cache.
type built struct {
	Name    Name      `json:"name"`
	Version string    `json:"version"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
}

// cached returns the program from the cache, building it first when it is not there.
func (s *Store) cached(ctx context.Context, n Name) (string, error) {
	r, dir, err := s.entry(n)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, string(n))
	if intact(dir, n) {
		return path, nil
	}
	if s.Offline {
		return "", ErrMissing
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, ".lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if intact(dir, n) { // another process built it meanwhile
		return path, nil
	}
	if err := s.build(ctx, dir, n, r); err != nil {
		return "", err
	}
	s.tell(Event{Name: n, Version: r.version, Path: path, Built: true})
	return path, nil
}

// intact says whether a program of the cache is the one that was built. Its
// digest is computed only when size or time differ from what was noted.
func intact(dir string, n Name) bool {
	data, err := os.ReadFile(note(dir, n))
	if err != nil {
		return false
	}
	var b built
	if json.Unmarshal(data, &b) != nil {
		return false
	}
	path := filepath.Join(dir, string(n))
	info, err := os.Stat(path)
	if err != nil || info.Size() != b.Size {
		return false
	}
	if info.ModTime().Equal(b.ModTime) {
		return true
	}
	sum, err := digest(path)
	return err == nil && sum == b.SHA256
}

func note(dir string, n Name) string { return filepath.Join(dir, string(n)+".json") }

// install gives a freshly built file its place, its note last.
func install(dir, tmp string, n Name, r recipe) error {
	mode := os.FileMode(0o755)
	if r.isFile() {
		mode = 0o644
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return err
	}
	path := filepath.Join(dir, string(n))
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	sum, err := digest(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := json.Marshal(built{n, r.version, sum, info.Size(), info.ModTime()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(note(dir, n)+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(note(dir, n)+".tmp", note(dir, n))
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// join makes one YAML file of several.
func join(src string, files []string, to string) error {
	var all []byte
	for i, f := range files {
		data, err := os.ReadFile(filepath.Join(src, f))
		if err != nil {
			return err
		}
		if i > 0 {
			all = append(all, "\n---\n"...)
		}
		all = append(all, data...)
	}
	return os.WriteFile(to, all, 0o600)
}
