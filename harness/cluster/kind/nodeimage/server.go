package nodeimage

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries"
)

// server writes server.tar.gz: what a release of Kubernetes offers as its server binaries, and in
// the first archive of images everything else that a node runs.
func (b *build) server(ctx context.Context) error {
	kube, others, err := b.images(ctx)
	if err != nil {
		return err
	}
	archives := map[string][]image{}
	for _, n := range []binaries.Name{binaries.APIServer, binaries.ControllerManager, binaries.Scheduler, binaries.KubeProxy} {
		archives[string(n)+".tar"] = []image{kube[n]}
	}
	first := string(binaries.APIServer) + ".tar"
	archives[first] = append(archives[first], others...)
	for _, n := range sorted(archives) {
		if err := writeArchive(filepath.Join(b.dir, n), archives[n]); err != nil {
			return err
		}
	}
	return b.pack(sorted(archives))
}

// pack writes the server's archive and removes what went into it.
func (b *build) pack(archives []string) error {
	out, err := os.Create(filepath.Join(b.dir, "server.tar.gz"))
	if err != nil {
		return err
	}
	defer out.Close()
	z, err := gzip.NewWriterLevel(out, gzip.NoCompression) // it is unpacked at once
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	if err := put(w, "kubernetes/version", []byte(b.Kubernetes)); err != nil {
		return err
	}
	const bin = "kubernetes/server/bin/"
	for _, n := range []binaries.Name{binaries.Kubeadm, binaries.Kubelet, binaries.Kubectl} {
		if err := putFile(w, b.bins[n], bin+string(n), 0o755); err != nil {
			return err
		}
	}
	for _, n := range archives {
		from := filepath.Join(b.dir, n)
		if err := putFile(w, from, bin+n, 0o644); err != nil {
			return err
		}
		if err := os.Remove(from); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

// images are those of Kubernetes by program, and the others.
func (b *build) images(ctx context.Context) (kube map[binaries.Name]image, others []image, err error) {
	listed, err := exec.CommandContext(ctx, b.bins[binaries.Kubeadm], "config", "images", "list", "--kubernetes-version", b.Kubernetes).Output()
	if err != nil {
		return nil, nil, fmt.Errorf("kubeadm config images list: %w", err)
	}
	kube = map[binaries.Name]image{}
	for name := range strings.Lines(string(listed)) {
		name = strings.TrimSpace(name)
		base, _, _ := strings.Cut(path.Base(name), ":")
		i := image{names: []string{name}, run: "/usr/local/bin/" + base}
		switch n := binaries.Name(base); n {
		case binaries.Pause:
			i, err = b.pause(name)
		case binaries.CoreDNS:
			i.run = "/coredns"
			i, err = b.program(i, n)
		case binaries.KubeProxy:
			i, err = b.program(i, n, b.iptables()...)
		default:
			i, err = b.program(i, n)
		}
		if err != nil {
			return nil, nil, err
		}
		switch n := binaries.Name(base); n {
		case binaries.APIServer, binaries.ControllerManager, binaries.Scheduler, binaries.KubeProxy:
			kube[n] = i
		default:
			others = append(others, i)
		}
	}
	for _, more := range []func() ([]image, error){b.storage, b.kyverno} {
		list, err := more()
		if err != nil {
			return nil, nil, err
		}
		others = append(others, list...)
	}
	return kube, others, nil
}

// program completes an image: the program at its entrypoint, more files, and the libraries of all.
func (b *build) program(i image, n binaries.Name, more ...file) (image, error) {
	if b.bins[n] == "" {
		return i, fmt.Errorf("image %s: there is no program %s", i.names[0], n)
	}
	var err error
	i.files, err = withLibraries(b.root, append([]file{{b.bins[n], i.run}}, more...)...)
	return i, err
}

var (
	sandboxImage = regexp.MustCompile(`(?m)^\s*sandbox_image\s*=\s*"([^"]+)"`)
	kindImage    = regexp.MustCompile(`docker\.io/kindest/([a-z-]+):[^"]+`)
	quotedImage  = regexp.MustCompile(`(?m)^\s*image: "([^"]+)"`)
)

// pause is the process of every pod's sandbox, by kubeadm's name and by that which containerd is
// configured with.
func (b *build) pause(name string) (image, error) {
	config, err := os.ReadFile(filepath.Join(b.kind, "images/base/files/etc/containerd/config.toml"))
	if err != nil {
		return image{}, err
	}
	sandbox := sandboxImage.FindSubmatch(config)
	if sandbox == nil {
		return image{}, fmt.Errorf("kind %s: config.toml names no sandbox_image", kindVersion)
	}
	names := []string{name}
	if s := string(sandbox[1]); s != name {
		names = append(names, s)
	}
	return b.program(image{names: names, run: "/pause"}, binaries.Pause)
}

// iptables is what kube-proxy calls.
func (b *build) iptables() []file {
	files := []file{
		{filepath.Join(b.root, "usr/sbin/xtables-nft-multi"), "/usr/sbin/xtables-nft-multi"},
		{filepath.Join(b.root, "usr/sbin/nft"), "/usr/sbin/nft"},
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, use := range []string{"", "-save", "-restore"} {
			files = append(files, file{filepath.Join(b.root, "usr/sbin", family+"-nft"+use), "/usr/sbin/" + family + use})
		}
	}
	extensions, _ := filepath.Glob(filepath.Join(b.root, "usr/lib/*-linux-gnu/xtables"))
	for _, e := range extensions {
		files = append(files, file{e, e[len(b.root):]})
	}
	return files
}

// storage is the images that kind itself adds to a node. That of kindnetd holds a process that
// waits: clusters of this image do not start it.
func (b *build) storage() (images []image, err error) {
	busybox := filepath.Join(b.root, "usr/bin/busybox")
	if _, err := os.Stat(busybox); err != nil {
		busybox = filepath.Join(b.root, "bin/busybox")
	}
	for _, source := range []string{"const_cni.go", "const_storage.go"} {
		code, err := os.ReadFile(filepath.Join(b.kind, "pkg/build/nodeimage", source))
		if err != nil {
			return nil, err
		}
		for _, found := range kindImage.FindAllSubmatch(code, -1) {
			i := image{names: []string{string(found[0])}, run: "/usr/local/bin/" + string(found[1])}
			switch string(found[1]) {
			case "kindnetd":
				i, err = b.program(i, binaries.Pause)
			case "local-path-provisioner":
				i, err = b.program(i, binaries.LocalPath)
			case "local-path-helper":
				i.run = "/bin/sh"
				for _, command := range []string{"sh", "mkdir", "rm"} {
					i.files = append(i.files, file{busybox, "/bin/" + command})
				}
			default:
				err = fmt.Errorf("kind %s: nobody knows how to make the image %s", kindVersion, found[0])
			}
			if err != nil {
				return nil, err
			}
			images = append(images, i)
		}
	}
	return images, nil
}

// kyverno is the images that Kyverno's manifest names.
func (b *build) kyverno() (images []image, err error) {
	if !b.Kyverno {
		return nil, nil
	}
	manifest, err := os.ReadFile(b.bins[binaries.KyvernoInstall])
	if err != nil {
		return nil, err
	}
	certificates := file{filepath.Join(b.root, "etc/ssl/certs/ca-certificates.crt"), "/etc/ssl/certs/ca-certificates.crt"}
	for _, found := range quotedImage.FindAllSubmatch(manifest, -1) {
		base, _, _ := strings.Cut(path.Base(string(found[1])), ":")
		program := binaries.Name(base)
		if base == "kyvernopre" {
			program = binaries.KyvernoInit
		}
		i, err := b.program(image{names: []string{string(found[1])}, run: "/" + base, user: "65534"}, program, certificates)
		if err != nil {
			return nil, err
		}
		images = append(images, i)
	}
	return images, nil
}
