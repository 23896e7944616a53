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
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	r := newRegistry(c.Real)
	r.digested = tag
	return http.ListenAndServe(args[0], r)
}

// tag gives the node's copy of the player's image another name. A digest cannot be answered for,
// but the kubelet asks the node before it asks anybody, and asks again.
func tag(name string) error {
	return exec.Command("ctr", "--namespace", "k8s.io", "images", "tag", "--force", Repository+":1", name).Run()
}

// A registry has an image for every repository. It implements the part of the OCI distribution
// specification that pulls take.
type registry struct {
	own []string // images that it does not have
	// digested hears of images that are asked for by a digest which it cannot answer for; may be nil.
	digested func(name string) error
	layer    map[string]any
	diff     string // digest of the layer's content

	mu    sync.Mutex
	blobs map[string][]byte // by digest
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
	r.layer, r.diff = r.add(typeLayer, layer.Bytes()), digest(tarball.Bytes())
	return r
}

// manifest is that of a repository's image. Each has its own: a kubelet pulls an image again that
// it knows by another repository's name. Its user is not root, so that pods which demand one are content.
func (r *registry) manifest(repository string) []byte {
	config := r.add(typeConfig, encode(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"User": "65532:65532", "Entrypoint": inside("play"), "Labels": map[string]string{"repository": repository}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{r.diff}},
	}))
	data := encode(map[string]any{"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": []any{r.layer}})
	r.add(typeManifest, data)
	return data
}

// add keeps a blob and returns its descriptor.
func (r *registry) add(mediaType string, data []byte) map[string]any {
	d := digest(data)
	r.mu.Lock()
	defer r.mu.Unlock()
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
	if m := blobs.FindStringSubmatch(req.URL.Path); m != nil && r.blob(m[1]) != nil {
		send(w, req, "application/octet-stream", r.blob(m[1]))
		return
	}
	m := manifests.FindStringSubmatch(req.URL.Path)
	if m == nil {
		http.NotFound(w, req)
		return
	}
	repository := req.URL.Query().Get("ns") + "/" + m[1] // as containerd asks for another registry's
	switch {
	case !strings.Contains(m[2], ":") && !slices.Contains(r.own, repository+":"+m[2]):
		send(w, req, typeManifest, r.manifest(repository))
	case r.blob(m[2]) != nil:
		send(w, req, typeManifest, r.blob(m[2]))
	default:
		if r.digested != nil && strings.Contains(m[2], ":") && repository != Repository {
			if err := r.digested(repository + "@" + m[2]); err != nil {
				complain(fmt.Errorf("%s@%s: %w", repository, m[2], err))
			}
		}
		http.NotFound(w, req)
	}
}

func (r *registry) blob(digest string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blobs[digest]
}

func send(w http.ResponseWriter, req *http.Request, mediaType string, data []byte) {
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
