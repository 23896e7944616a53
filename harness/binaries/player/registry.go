package player

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// serveRegistry answers every pull, but for images of the cluster itself, with an image that
// holds nothing: the player is mounted into its containers.
func serveRegistry(args []string) error {
	if len(args) != 1 {
		return errors.New("registry: one address")
	}
	c, err := readConfig()
	if err != nil {
		return err
	}
	return http.ListenAndServe(args[0], newRegistry(c.Real))
}

// A registry knows one image. It implements the part of the OCI distribution specification that
// pulls take.
type registry struct {
	own      []string
	blobs    map[string][]byte // by digest
	manifest []byte
}

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func newRegistry(own []string) *registry {
	r := &registry{own: own, blobs: map[string][]byte{}}
	var tarball, layer bytes.Buffer
	t := tar.NewWriter(&tarball)
	for _, dir := range []string{"etc/", "tmp/"} {
		must(t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o1777}))
	}
	must(t.Close())
	z := gzip.NewWriter(&layer)
	_, err := z.Write(tarball.Bytes())
	must(err)
	must(z.Close())
	// A user that is not root, so that pods which demand one are content.
	config := r.add(typeConfig, encode(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"User": "65532:65532", "Entrypoint": inside("play")},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(tarball.Bytes())}},
	}))
	r.manifest = encode(map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config,
		"layers": []any{r.add(typeLayer, layer.Bytes())},
	})
	r.add(typeManifest, r.manifest)
	return r
}

// add keeps a blob and returns its descriptor.
func (r *registry) add(mediaType string, data []byte) map[string]any {
	d := digest(data)
	r.blobs[d] = data
	return map[string]any{"mediaType": mediaType, "digest": d, "size": len(data)}
}

var (
	manifests = regexp.MustCompile(`^/v2/(.+)/manifests/([^/]+)$`)
	blobs     = regexp.MustCompile(`^/v2/.+/blobs/(sha256:[0-9a-f]{64})$`)
)

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/v2/" {
		return
	}
	if m := blobs.FindStringSubmatch(req.URL.Path); m != nil && r.blobs[m[1]] != nil {
		r.send(w, req, "application/octet-stream", r.blobs[m[1]])
		return
	}
	m := manifests.FindStringSubmatch(req.URL.Path)
	if m == nil || r.isOwn(req.URL.Query().Get("ns")+"/"+m[1]) || strings.Contains(m[2], ":") && r.blobs[m[2]] == nil {
		http.NotFound(w, req)
		return
	}
	r.send(w, req, typeManifest, r.manifest)
}

// isOwn says whether a repository is of the cluster's own images, which the player does not have.
func (r *registry) isOwn(repository string) bool { return slices.Contains(r.own, repository) }

func (r *registry) send(w http.ResponseWriter, req *http.Request, mediaType string, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Header().Set("Docker-Content-Digest", digest(data))
	if req.Method != http.MethodHead {
		_, _ = w.Write(data)
	}
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func encode(v any) []byte {
	data, err := json.Marshal(v)
	must(err)
	return data
}

// must is for writes to memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
