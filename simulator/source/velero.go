package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// Errors about backups of Velero.
var (
	ErrBackup   = errors.New("a backup of Velero, which holds objects more than once")
	ErrNoBackup = errors.New("no backup of Velero")
	ErrArchive  = errors.New("the archive cannot be read to its end")
)

// Velero reads backups (archives as velero backup download gives them, or unpacked folders) and
// writes them as one cluster, as [Manifests] does. Its objects are as an API server returned them;
// [Noise] is left out, as of a running cluster.
func Velero(ctx context.Context, w *capture.Writer, cluster capture.Cluster, backups []string, strict bool) (Summary, error) {
	cluster.Source = "velero"
	sum := Summary{Files: len(backups)}
	var inputs []input
	for _, name := range backups {
		b := backup{name: filepath.ToSlash(name), found: map[string]backupEntry{}, noise: map[string]bool{}}
		if err := eachFile(ctx, name, b.take); err != nil {
			return sum, fmt.Errorf("read backup: %w", err)
		}
		if err := b.check(); err != nil {
			return sum, fmt.Errorf("read backup: %w", err)
		}
		more, skipped := b.objects(cluster.Name)
		sum.Noise += len(b.noise)
		inputs, sum.Skipped = append(inputs, more...), append(sum.Skipped, skipped...)
	}
	return sum, write(ctx, w, cluster, &sum, inputs, backups, strict)
}

// isBackup tells whether a folder is an unpacked backup.
func isBackup(folder string) bool {
	version, err := os.Stat(filepath.Join(folder, "metadata", "version"))
	resources, err2 := os.Stat(filepath.Join(folder, "resources"))
	return err == nil && err2 == nil && version.Mode().IsRegular() && resources.IsDir()
}

// backup is a backup on its way into a capture.
type backup struct {
	name    string
	version string
	found   map[string]backupEntry // by resource, namespace and name
	other   []capture.Skipped
	noise   map[string]bool // objects that say nothing to a policy
}

// backupEntry is an object of a backup, in one of the forms that the backup has of it.
type backupEntry struct {
	path    string
	form    string // the folder of its API version; empty for the form that is restored
	content []byte
	skipped string // why it was not read
}

// take sees the next file of the backup, whatever its name; what is no regular file, such as a link,
// has nothing to read. Of each object it keeps one form: the one without a version, or the preferred one.
func (b *backup) take(name string, size int64, read io.Reader) error {
	name = strings.TrimPrefix(name, "./")
	if read == nil {
		b.other = append(b.other, capture.Skipped{File: b.name, Reason: "a link, or what else is no regular file"})
		return nil
	}
	if name == "metadata/version" {
		content, err := io.ReadAll(io.LimitReader(read, 64))
		b.version = strings.TrimSpace(string(content))
		return err
	}
	if path.Clean("/"+name) != "/"+name {
		b.other = append(b.other, capture.Skipped{File: b.name, Reason: "a file whose path leads out of the backup"})
		return nil
	}
	parts := strings.Split(name, "/")
	if parts[0] != "resources" {
		return nil // how the backup was made
	}
	key, form, ok := objectOf(parts[1:])
	if !ok {
		b.other = append(b.other, capture.Skipped{File: path.Join(b.name, name), Reason: "not where Velero puts objects"})
		return nil
	}
	if _, group, _ := strings.Cut(parts[1], "."); slices.Contains(Noise, parts[1]) || slices.Contains(Noise, "*."+group) {
		b.noise[key] = true
		return nil
	}
	entry := backupEntry{path: path.Join(b.name, name), form: form}
	if last, twice := b.found[key]; twice && compareForms(last.form, form) <= 0 {
		return nil
	}
	var err error
	if size > capture.MaxObject {
		entry.skipped = fmt.Sprintf("larger than %d MiB: no API server takes it", capture.MaxObject>>20)
	} else if entry.content, err = io.ReadAll(io.LimitReader(read, size)); err != nil {
		return err
	}
	b.found[key] = entry
	return nil
}

// objectOf reads the path of an object: RESOURCE[/VERSION]/{cluster,namespaces/NAMESPACE}/NAME.json.
func objectOf(parts []string) (key, form string, ok bool) {
	if len(parts) < 3 {
		return "", "", false
	}
	at := 1 + slices.IndexFunc(parts[1:], func(part string) bool { return part == "cluster" || part == "namespaces" })
	if at != 1 && at != 2 {
		return "", "", false
	}
	if at == 2 {
		form = parts[1]
	}
	rest := parts[at:]
	if want := map[string]int{"cluster": 2, "namespaces": 3}[rest[0]]; len(rest) != want || !strings.HasSuffix(rest[len(rest)-1], ".json") {
		return "", "", false
	}
	return path.Join(append([]string{parts[0]}, rest...)...), form, true
}

// compareForms puts the better form first.
func compareForms(a, b string) int {
	rank := func(form string) int {
		switch {
		case form == "":
			return 0
		case strings.HasSuffix(form, "-preferredversion"):
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// check tells whether it was a backup at all.
func (b *backup) check() error {
	switch {
	case b.version == "":
		return fmt.Errorf("%s is %w: it has no metadata/version", b.name, ErrNoBackup)
	case b.version != "1" && !strings.HasPrefix(b.version, "1."):
		return fmt.Errorf("%s is a backup of Velero in a format that is not known (its metadata/version is not 1)", b.name)
	}
	return nil
}

// objects are the objects of the backup in order, and what could not be read of it.
func (b *backup) objects(cluster string) (inputs []input, skipped []capture.Skipped) {
	for _, key := range slices.Sorted(maps.Keys(b.found)) {
		entry := b.found[key]
		if entry.skipped != "" {
			skipped = append(skipped, capture.Skipped{File: entry.path, Reason: entry.skipped})
			continue
		}
		inputs = append(inputs, input{name: entry.path, live: true, read: func() ([]byte, error) { return entry.content, nil }})
	}
	skipped = append(skipped, b.other...)
	for i := range skipped {
		skipped[i].Cluster = cluster
	}
	return inputs, skipped
}
