package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

func pod(version, name string) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":"Pod","metadata":{"name":%q,"namespace":"shop","uid":"u"}}`, version, name)
}

// backupFiles are a backup: copies of objects under the versions of their resource, another
// version of one, and what is none of them.
var backupFiles = []string{
	"metadata/version", "1.1.0\n",
	"resources/pods/v1-preferredversion/namespaces/shop/web.json", pod("v1", "copy"),
	"resources/pods/namespaces/shop/web.json", pod("v1", "web"),
	"resources/pods/v0/namespaces/shop/web.json", pod("v0", "old"),
	"resources/things.example.com/v1alpha1/namespaces/shop/one.json", `{"apiVersion":"example.com/v1alpha1","kind":"Thing","metadata":{"name":"old","namespace":"shop","uid":"u"}}`,
	"resources/things.example.com/v1-preferredversion/namespaces/shop/one.json", `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"one","namespace":"shop","uid":"u"}}`,
	"resources/namespaces/cluster/shop.json", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
	"resources/namespaces/v1-preferredversion/cluster/shop.json", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"copy"}}`,
	"resources/secrets/namespaces/shop/db.json", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"shop"},"data":{"password":"aHVudGVyMg=="}}`,
	"resources/events/namespaces/shop/e.json", `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop"}}`,
	"resources/events/v1-preferredversion/namespaces/shop/e.json", `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop"}}`,
	"resources/pods.metrics.k8s.io/namespaces/shop/web.json", `{"apiVersion":"metrics.k8s.io/v1","kind":"PodMetrics","metadata":{"name":"web","namespace":"shop"}}`,
	"resources/pods/strange.json", pod("v1", "strange"),
	"resources", "",
	"../resources/pods/namespaces/shop/out.json", pod("v1", "out"),
	"/resources/pods/namespaces/shop/root.json", pod("v1", "root"),
	"resources/pods/namespaces/shop/../../../../metadata/x.json", pod("v1", "in"),
}

// archive is a tar of names and contents, compressed where it is asked for.
func archive(t *testing.T, zip bool, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		header := tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o600, Typeflag: tar.TypeReg}
		if target, link := strings.CutPrefix(files[i+1], "-> "); link {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, target, 0
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := w.Write([]byte(files[i+1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !zip {
		return out.Bytes()
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// captured runs a source and opens what it wrote.
func captured(t *testing.T, run func(w *capture.Writer, c capture.Cluster) (Summary, error)) (*capture.Capture, Summary, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.capture")
	w, err := capture.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := run(w, capture.Cluster{Name: "c"})
	if err != nil {
		w.Abort()
		return nil, sum, err
	}
	return closed(t, w, out), sum, nil
}

func velero(t *testing.T, backups ...string) (*capture.Capture, Summary, error) {
	t.Helper()
	return captured(t, func(w *capture.Writer, c capture.Cluster) (Summary, error) {
		return Velero(t.Context(), w, c, backups, false)
	})
}

func TestVelero(t *testing.T) {
	want := "CREATE Namespace /shop live\nCREATE Pod shop/web live\nCREATE Secret shop/db live redacted\nCREATE Thing shop/one live\n"
	for _, zip := range []bool{true, false} {
		c, sum, err := velero(t, written(t, "b.tar", archive(t, zip, backupFiles...)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lines(t, c)); diff != "" {
			t.Errorf("zip %v (-want +got):\n%s", zip, diff)
		}
		if sum.Noise != 2 {
			t.Errorf("left out %d objects, want 2: an event, a pod's metrics", sum.Noise)
		}
		var reasons []string
		for _, s := range sum.Skipped {
			reasons = append(reasons, filepath.Base(s.File)+": "+s.Reason)
		}
		skipped := []string{
			"strange.json: not where Velero puts objects", "resources: not where Velero puts objects", "b.tar: a file whose path leads out of the backup",
			"b.tar: a file whose path leads out of the backup", "b.tar: a file whose path leads out of the backup",
		}
		if diff := cmp.Diff(skipped, reasons); diff != "" {
			t.Errorf("skipped (-want +got):\n%s", diff)
		}
		for _, r := range records(t, c) {
			if r.Origin.Source != "velero" || r.Name == "web" && !strings.HasSuffix(r.Origin.File, "b.tar/resources/pods/namespaces/shop/web.json") {
				t.Errorf("%s: origin %+v", line(r), r.Origin)
			}
		}
	}
}

// The folder of an unpacked backup is read as the archive is; manifests would take copies for objects.
func TestVeleroUnpacked(t *testing.T) {
	root := t.TempDir()
	files := backupFiles[:len(backupFiles)-10]
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(root, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("web.json", filepath.Join(root, "resources/pods/namespaces/shop/link.json")); err != nil {
		t.Fatal(err)
	}
	c, sum, err := velero(t, root)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(records(t, c)); got != 4 || len(sum.Skipped) != 1 || !strings.HasPrefix(sum.Skipped[0].Reason, "a link") {
		t.Errorf("%d records, skipped %+v", got, sum.Skipped)
	}
	for _, folder := range []string{root, filepath.Dir(root)} {
		_, _, err := captured(t, func(w *capture.Writer, c capture.Cluster) (Summary, error) {
			return Manifests(t.Context(), w, c, []string{folder}, nil, false)
		})
		if !errors.Is(err, ErrBackup) {
			t.Errorf("manifests of %s: %v", folder, err)
		}
	}
}

// What is larger than any object is told of, and not held.
func TestVeleroTooLarge(t *testing.T) {
	large := strings.Repeat(" ", capture.MaxObject) + pod("v1", "large")
	c, sum, err := velero(t, written(t, "b.tgz", archive(t, true, append([]string{
		"resources/pods/namespaces/shop/large.json", large, "resources/pods/v1-preferredversion/namespaces/shop/large.json", large,
		"resources/pods/namespaces/shop/link.json", "-> /etc/passwd",
	}, backupFiles[:6]...)...)))
	if err != nil {
		t.Fatal(err)
	}
	if lines(t, c) != "CREATE Pod shop/web live\n" || len(sum.Skipped) != 2 || sum.Skipped[0].Reason != "larger than 16 MiB: no API server takes it" {
		t.Errorf("%s skipped %+v", lines(t, c), sum.Skipped)
	}
}

func TestVeleroRefuses(t *testing.T) {
	zipped, plain := archive(t, true, backupFiles...), archive(t, false, backupFiles...)
	damaged := bytes.Clone(zipped)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	for name, test := range map[string]struct {
		content []byte
		want    error
		says    string
	}{
		"cut in the middle":         {zipped[:len(zipped)/2], ErrArchive, ""},
		"cut in a header":           {plain[:700], ErrArchive, ""},
		"cut between files":         {plain[:1024], ErrArchive, ""},
		"cut before the last block": {plain[:len(plain)-1024], ErrArchive, ""},
		"cut gzip header":           {zipped[:4], ErrArchive, ""},
		"damaged":                   {damaged, ErrArchive, "checksum"},
		"garbage":                   {bytes.Repeat([]byte("garbage "), 200), ErrNoBackup, "no tar archive"},
		"empty":                     {nil, ErrNoBackup, "no tar archive"},
		"another archive":           {archive(t, true, "a/b.json", "{}"), ErrNoBackup, "no metadata/version"},
		"no objects":                {archive(t, true, "metadata/version", "1"), ErrNothing, ""},
		"another format":            {archive(t, true, "metadata/version", "2.0.0"), nil, "format that is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			file := written(t, "b.tar.gz", test.content)
			_, _, err := velero(t, file)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), file) {
				t.Errorf("%v, want %v: %s", err, test.want, test.says)
			}
		})
	}
}
