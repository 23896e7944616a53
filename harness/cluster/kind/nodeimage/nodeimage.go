// Package nodeimage makes the image of a kind node where no registry answers: of Debian packages
// and Go modules, through kind's own build. [Build] is all there is.
//
// Kubernetes, etcd and Kyverno are those that embedded clusters run, from package binaries. The
// rest of a node comes from the same place: containerd, runc, crictl, CNI's plugins, CoreDNS and
// the provisioner of local volumes, each of its own module with its own pins. Debian gives what
// kind's base image takes from it too. Nothing is pulled: what kind would pull beyond Kubernetes
// is in the first archive that it loads (see writeArchive).
//
// What the image lacks is kindnetd, whose source is no Go module. Clusters of this image are
// made without it (networking.disableDefaultCNI), and package kind writes each node's CNI
// configuration and routes.
package nodeimage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	kindimage "sigs.k8s.io/kind/pkg/build/nodeimage"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
)

// Label is on every image that [Build] made; its value is the digest of what went into it.
const Label = "dev.seatrial.node-image"

// KyvernoLabel is on images that hold Kyverno's own images; its value is Kyverno's version.
const KyvernoLabel = "dev.seatrial.kyverno"

// Name is the name of the image of a version of Kubernetes unless told; empty: the default one.
func Name(version string) string {
	return "seatrial/node:" + cmp.Or(version, binaries.KubernetesVersion)
}

// Options say what to build.
type Options struct {
	Image      string // its name; empty: Name(Kubernetes)
	Kubernetes string // a version whose modules are pinned; empty: the default one
	Kyverno    bool   // with the images of Kyverno's controllers
	Store      *binaries.Store
	Log        func(format string, args ...any) // hears each step; may be nil
}

// kind is the module whose files a base image is made of; the version is the library's.
const (
	kindVersion = "v0.33.0"
	kindSum     = "h1:AjvDv3vOygb/VKLVQW87lfktIBzkxR8Ump9DjxC8+Lk="
)

// layout changes when what is done with the programs does.
const layout = "1"

var programs = []binaries.Name{
	binaries.Etcd, binaries.APIServer, binaries.ControllerManager, binaries.Scheduler,
	binaries.Kubeadm, binaries.Kubelet, binaries.Kubectl, binaries.KubeProxy,
	binaries.Containerd, binaries.Ctr, binaries.Shim, binaries.Runc, binaries.Crictl,
	binaries.Ptp, binaries.Loopback, binaries.Portmap, binaries.HostLocal,
	binaries.CoreDNS, binaries.LocalPath, binaries.Pause,
}

var kyvernoPrograms = []binaries.Name{
	binaries.Kyverno, binaries.KyvernoInit, binaries.Background, binaries.Reports, binaries.Cleanup, binaries.KyvernoInstall,
}

// Build makes the image in the Docker engine, unless it is there and of the same parts, and
// returns its name. It takes root, for debootstrap, a Debian mirror, and a Go module proxy where
// a program is not in the store.
func Build(ctx context.Context, o Options) (string, error) {
	o.Kubernetes = cmp.Or(o.Kubernetes, binaries.KubernetesVersion)
	o.Image = cmp.Or(o.Image, Name(o.Kubernetes))
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if v := binaries.KubernetesVersions(); !slices.Contains(v, o.Kubernetes) {
		return "", fmt.Errorf("node image of Kubernetes %s: %w (hint: only %s have their modules pinned here; give an image of another version with --node-image)",
			o.Kubernetes, cluster.ErrUnsupported, strings.Join(v, " and "))
	}
	if !strings.Contains(o.Image[strings.LastIndex(o.Image, "/")+1:], ":") {
		return "", fmt.Errorf("node image %q: %w without a tag", o.Image, cluster.ErrUnsupported)
	}
	o.Store = o.Store.For(o.Kubernetes)
	b := &build{Options: o, start: time.Now()}
	return o.Image, b.run(ctx)
}

// A build is one run of Build.
type build struct {
	Options
	start time.Time
	dir   string // temporary
	bins  map[binaries.Name]string
	kind  string // folder of kind's module
	root  string // the node's files
}

func (b *build) step(format string, args ...any) {
	b.Log("[%4.0f s] "+format, append([]any{time.Since(b.start).Seconds()}, args...)...)
}

// run is the build from end to end.
func (b *build) run(ctx context.Context) (err error) {
	if _, err := ask(ctx, "version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("no Docker engine takes the image: %w (hint: start one; DOCKER_HOST says which is used)", err)
	}
	wanted, err := b.digest()
	if err != nil {
		return err
	}
	if made, _ := ask(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+Label+`"}}`, b.Image); made == wanted {
		b.step("%s is there already", b.Image)
		return nil
	}
	if os.Getuid() != 0 {
		return errors.New("the files of a node belong to root (hint: sudo, or build the image elsewhere and docker load it)")
	}
	if b.dir, err = os.MkdirTemp("", "seatrial-node-image-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	debian := make(chan error, 1)
	go func() { debian <- b.debian(ctx) }() // the network's time beside the compiler's
	err = b.programs(ctx)
	if err := errors.Join(err, <-debian); err != nil {
		return err
	}
	defer os.RemoveAll(b.root)
	base := "seatrial/base:" + wanted[:12]
	for _, s := range []struct {
		what string
		do   func() error
	}{
		{"base image", func() error { return b.base(ctx, base, wanted) }},
		{"archives of the control plane's images", func() error { return b.server(ctx) }},
		{"node image", func() error { return b.node(base) }},
	} {
		b.step("%s", s.what)
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	if _, err := docker(ctx, "image", "rm", base); err != nil {
		b.step("the base image stays: %v", err)
	}
	b.step("%s is made", b.Image)
	return nil
}

// digest tells images of different parts apart.
func (b *build) digest() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, layout, kindVersion, runtime.GOARCH, b.Kyverno, conflicts)
	for _, n := range b.names() {
		recipe, err := b.Store.Fingerprint(n)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, n, recipe)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (b *build) names() []binaries.Name {
	if b.Kyverno {
		return append(slices.Clone(programs), kyvernoPrograms...)
	}
	return programs
}

func (b *build) programs(ctx context.Context) (err error) {
	if b.kind, err = binaries.Module(ctx, "sigs.k8s.io/kind", kindVersion, kindSum); err != nil {
		return err
	}
	if missing := b.Store.Missing(b.names()...); len(missing) > 0 {
		b.step("building %d of %d programs: %v", len(missing), len(b.names()), missing)
	}
	if b.bins, err = b.Store.Get(ctx, b.names()...); err == nil {
		b.step("programs are there")
	}
	return err
}

// node lets kind put Kubernetes into the base image.
func (b *build) node(base string) error {
	// Where kind unpacks the archive is said by TMPDIR alone; what it leaves there goes with b.dir.
	old, had := os.LookupEnv("TMPDIR")
	os.Setenv("TMPDIR", b.dir)
	defer func() {
		if os.Unsetenv("TMPDIR"); had {
			os.Setenv("TMPDIR", old)
		}
	}()
	// And what it runs writes to this process's own streams, where results belong.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = null, null
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	return explain(kindimage.Build(
		kindimage.WithImage(b.Image), kindimage.WithBaseImage(base), kindimage.WithBuildType("file"),
		kindimage.WithKubeParam(filepath.Join(b.dir, "server.tar.gz")), kindimage.WithLogger(logger{b.step}),
	))
}

// ask is docker for a question, which the engine answers soon or not at all.
func ask(ctx context.Context, args ...string) (string, error) {
	limited, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("the Docker engine does not answer within 30s"))
	defer cancel()
	out, err := docker(limited, args...)
	if err != nil && limited.Err() != nil {
		err = context.Cause(limited)
	}
	return out, err
}

// docker runs the engine's command and returns the first line of what it says.
func docker(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(string(failed.Stderr)))
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), err
}

// sorted lists the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
