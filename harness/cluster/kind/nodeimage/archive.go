package nodeimage

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// An image is one layer of plain files.
type image struct {
	names []string // NAME:TAG, one or more
	run   string   // its entrypoint, a path in the image
	user  string   // number; empty: root
	files []file
}

// A file of this machine and its path in an image. A folder stands for all that it holds; a
// link stays one.
type file struct{ from, to string }

// writeArchive writes the images as docker save would, without an engine.
//
// The list "repositories" comes first because kind takes the names of what an archive holds from
// whichever of it and manifest.json it meets first, and of the latter reads the first image only
// (kind v0.33.0, pkg/build/nodeimage/internal/container/docker/archive.go). What it finds there
// it does not pull.
func writeArchive(to string, images []image) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	layers := map[string]string{} // path in the archive to file
	defer func() {
		for _, f := range layers {
			os.Remove(f)
		}
	}()
	configs := map[string][]byte{}
	var manifest []manifestEntry
	repositories := map[string]map[string]string{}
	for _, i := range images {
		tmp, sum, err := i.layer(filepath.Dir(to))
		if err != nil {
			return fmt.Errorf("image %s: %w", i.names[0], err)
		}
		layer := sum + "/layer.tar"
		if old := layers[layer]; old != "" {
			os.Remove(old)
		}
		layers[layer] = tmp
		config, err := i.config(sum)
		if err != nil {
			return err
		}
		name := digest(config) + ".json"
		configs[name] = config
		manifest = append(manifest, manifestEntry{name, i.names, []string{layer}})
		for _, n := range i.names {
			at := strings.LastIndex(n, ":")
			if at < 0 {
				return fmt.Errorf("image %s: has no tag", n)
			}
			if repositories[n[:at]] == nil {
				repositories[n[:at]] = map[string]string{}
			}
			repositories[n[:at]][n[at+1:]] = sum
		}
	}
	w := tar.NewWriter(out)
	for _, part := range []struct {
		name  string
		value any
	}{{"repositories", repositories}, {"manifest.json", manifest}} {
		content, err := json.Marshal(part.value)
		if err == nil {
			err = put(w, part.name, content)
		}
		if err != nil {
			return err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(configs)) {
		if err := put(w, n, configs[n]); err != nil {
			return err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(layers)) {
		if err := putFile(w, layers[n], n, 0o644); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

type manifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (i image) config(layer string) ([]byte, error) {
	return json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": "1970-01-01T00:00:00Z",
		"config": map[string]any{
			"Env":        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			"Entrypoint": []string{i.run}, "User": i.user, "WorkingDir": "/",
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
	})
}

// layer writes the image's files into a temporary file in dir and returns its path and digest.
func (i image) layer(dir string) (tmp, sum string, err error) {
	out, err := os.CreateTemp(dir, "layer-*.tmp")
	if err != nil {
		return "", "", err
	}
	defer out.Close()
	h := sha256.New()
	l := layer{tar.NewWriter(io.MultiWriter(out, h)), map[string]bool{}}
	err = l.folder("tmp", 0o1777)
	for _, f := range i.files {
		if err == nil {
			err = l.add(f)
		}
	}
	if err == nil {
		err = l.w.Close()
	}
	if err != nil {
		os.Remove(out.Name())
	}
	return out.Name(), hex.EncodeToString(h.Sum(nil)), err
}

type layer struct {
	w    *tar.Writer
	have map[string]bool // paths, without a leading slash
}

func (l layer) add(f file) error {
	return filepath.WalkDir(f.from, func(from string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := strings.TrimPrefix(path.Join(f.to, strings.TrimPrefix(from, f.from)), "/")
		if l.have[to] {
			return nil
		}
		l.have[to] = true
		if err := l.folder(path.Dir(to), 0o755); err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			return l.w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: to, Linkname: target, Mode: 0o777})
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return putFile(l.w, from, to, int64(info.Mode().Perm()))
	})
}

// folder writes a folder and those around it, once.
func (l layer) folder(name string, mode int64) error {
	if name == "." || l.have[name] {
		return nil
	}
	l.have[name] = true
	if err := l.folder(path.Dir(name), 0o755); err != nil {
		return err
	}
	return l.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func put(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

func putFile(w *tar.Writer, from, to string, mode int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}
