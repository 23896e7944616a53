package nodeimage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seatrial/seatrial/harness/binaries"
)

// What the base image of kind takes from Debian, but for network file systems, and a busybox for
// the provisioner's helper. Bookworm, because its systemd still starts on cgroup v1.
const (
	release  = "bookworm"
	packages = "systemd,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,e2fsprogs,ca-certificates,curl,jq,procps,busybox-static"
)

// conflicts are the services that have no business in a container, as in kind's own base image.
var conflicts = []string{
	"lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
	"lib/systemd/system/multi-user.target.wants/*",
	"etc/systemd/system/*.wants/*",
	"lib/systemd/system/local-fs.target.wants/*",
	"lib/systemd/system/sockets.target.wants/*udev*",
	"lib/systemd/system/sockets.target.wants/*initctl*",
	"lib/systemd/system/basic.target.wants/*",
	"var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*", // and what a node does not read
	"usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/i18n/*",
	"usr/lib/*-linux-gnu/gconv",
}

// debian makes the node's root of Debian packages, or takes those that it has unpacked before: an
// archive in the user's cache folder, which may be deleted to get newer ones.
func (b *build) debian(ctx context.Context) error {
	b.root = filepath.Join(b.dir, "root")
	if err := os.Mkdir(b.root, 0o755); err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	archive := filepath.Join(cache, "seatrial", "debian", release+"-"+digest([]byte(packages))[:12]+".tar")
	if _, err := os.Stat(archive); errors.Is(err, fs.ErrNotExist) {
		if err := b.bootstrap(ctx, archive); err != nil {
			return err
		}
	}
	if err := run(ctx, "tar", "-C", b.root, "--numeric-owner", "-xpf", archive); err != nil {
		return err
	}
	b.step("%d MiB of Debian packages are unpacked", size(b.root)>>20)
	return nil
}

// bootstrap lets debootstrap unpack and configure the packages, and keeps them as an archive.
func (b *build) bootstrap(ctx context.Context, archive string) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed (hint: apt-get install debootstrap)")
	}
	dir := filepath.Join(b.dir, "debian")
	defer os.RemoveAll(dir)
	args := []string{"--variant=minbase", "--include=" + packages, release, dir}
	if m := mirror("/etc/apt"); m != "" {
		args = append(args, m)
	}
	b.step("debootstrap %s", release)
	if err := run(ctx, "debootstrap", args...); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d.tmp", archive, os.Getpid())
	defer os.Remove(tmp)
	if err := run(ctx, "tar", "-C", dir, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb", "-cpf", tmp, "."); err != nil {
		return err
	}
	return os.Rename(tmp, archive)
}

// run runs a command; its error has the end of what it said.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLines(string(out), 5))
	}
	return nil
}

var debianSource = regexp.MustCompile(`https?://[^\s]+/debian/?(\s|$)`)

// mirror is the Debian mirror that this machine's apt uses; empty: debootstrap's own.
func mirror(apt string) string {
	files, _ := filepath.Glob(filepath.Join(apt, "sources.list.d", "*"))
	for _, f := range append([]string{filepath.Join(apt, "sources.list")}, files...) {
		content, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			if found := debianSource.FindString(line); found != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				return strings.TrimSpace(found)
			}
		}
	}
	return ""
}

// base makes the base image: what kind's images/base/Dockerfile makes, of the same files.
func (b *build) base(ctx context.Context, name, label string) error {
	for _, pattern := range conflicts {
		found, err := filepath.Glob(filepath.Join(b.root, pattern))
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
	}
	if err := copyTree(filepath.Join(b.kind, "images", "base", "files"), b.root); err != nil {
		return err
	}
	for to, names := range map[string][]binaries.Name{
		"usr/local/bin":  {binaries.Containerd, binaries.Ctr, binaries.Shim, binaries.Crictl},
		"usr/local/sbin": {binaries.Runc},
		"opt/cni/bin":    {binaries.Ptp, binaries.Loopback, binaries.Portmap, binaries.HostLocal},
	} {
		for _, n := range names {
			if err := copyFile(b.bins[n], filepath.Join(b.root, to, string(n)), 0o755); err != nil {
				return err
			}
		}
	}
	if err := b.settings(ctx); err != nil {
		return err
	}
	return b.importRoot(ctx, name, label)
}

// settings are the files that kind's Dockerfile writes by commands.
func (b *build) settings(ctx context.Context) error {
	for _, d := range []string{"etc/kubernetes/manifests", "etc/cni/net.d", "etc/systemd/system/multi-user.target.wants"} {
		if err := os.MkdirAll(filepath.Join(b.root, d), 0o755); err != nil {
			return err
		}
	}
	links := map[string]string{
		"sbin/init": "/usr/lib/systemd/systemd",
		"etc/systemd/system/systemd-binfmt.service": "/dev/null", // it would change the kernel of the machine
	}
	for _, service := range []string{"kubelet", "containerd", "undo-mount-hacks"} {
		links["etc/systemd/system/multi-user.target.wants/"+service+".service"] = "/etc/systemd/system/" + service + ".service"
	}
	for _, l := range sorted(links) {
		path := filepath.Join(b.root, l)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(links[l], path); err != nil {
			return err
		}
	}
	journal, err := os.OpenFile(filepath.Join(b.root, "etc/systemd/journald.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer journal.Close()
	if _, err := fmt.Fprintln(journal, "ReadKMsg=no"); err != nil {
		return err
	}
	spec, err := b.containerSpec(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.root, "etc/containerd/cri-base.json"), spec, 0o644)
}

// containerSpec is what every container on a node starts from: containerd's own, with kind's
// hook and without limits of resources.
func (b *build) containerSpec(ctx context.Context) ([]byte, error) {
	out, err := exec.CommandContext(ctx, b.bins[binaries.Ctr], "oci", "spec").Output()
	if err != nil {
		return nil, fmt.Errorf("ctr oci spec: %w", err)
	}
	var spec map[string]any
	if err := json.Unmarshal(out, &spec); err != nil {
		return nil, fmt.Errorf("ctr oci spec: %w", err)
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("ctr oci spec: has no process")
	}
	delete(process, "rlimits")
	spec["hooks"] = map[string]any{"createContainer": []any{map[string]any{"path": "/kind/bin/mount-product-files.sh"}}}
	return json.Marshal(spec)
}

// importRoot gives the root to the engine as an image of one layer.
func (b *build) importRoot(ctx context.Context, name, label string) error {
	changes := []string{
		"ENV container=docker", // systemd looks for it
		`ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]`,
		"LABEL " + Label + "=" + label,
	}
	if b.Kyverno {
		changes = append(changes, "LABEL "+KyvernoLabel+"="+binaries.KyvernoVersion)
	}
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	pack := exec.CommandContext(ctx, "tar", "-C", b.root, "--numeric-owner", "-c", ".")
	load := exec.CommandContext(ctx, "docker", append(args, "-", name)...)
	pipe, err := pack.StdoutPipe()
	if err != nil {
		return err
	}
	load.Stdin = bufio.NewReaderSize(pipe, 1<<20)
	if err := pack.Start(); err != nil {
		return err
	}
	out, err := load.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker import: %w: %s", err, lastLines(string(out), 3))
	}
	pipe.Close() // the archiver ends where nobody takes the rest
	return errors.Join(err, pack.Wait())
}
