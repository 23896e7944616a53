package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// lock keeps other commands from changing what the fleet's clusters share.
func (p *Provider) lock() (unlock func(), err error) {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	return lockedfile.MutexAt(filepath.Join(p.dir, ".lock")).Lock()
}

// ensureShared sees that certificates, the template of a version of Kubernetes and a
// running etcd are there, and returns the template. The caller holds both locks.
func (p *Provider) ensureShared(ctx context.Context, version string, bins map[binaries.Name]string) (*template, error) {
	if _, err := ensurePKI(p.dir); err != nil {
		return nil, err
	}
	if p.templates[version] == nil {
		t, err := loadTemplate(ctx, version, bins, p.log)
		if err != nil {
			return nil, fmt.Errorf("template cluster: %w", err)
		}
		p.templates[version] = t
	}
	_, err := startEtcd(ctx, p.dir, bins[binaries.Etcd])
	return p.templates[version], err
}

// startEtcd starts the fleet's etcd unless it runs, and returns its endpoint.
// It listens on a socket in a folder of this user, so that nobody else reads
// what clusters hold. Nothing is synced to disk: a fleet does not survive a
// power cut.
func startEtcd(ctx context.Context, fleet, bin string) (string, error) {
	dir := filepath.Join(fleet, "etcd")
	if e, err := process.Load(dir, "etcd"); err == nil && e.Alive() {
		return etcdEndpoint(fleet)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	sockets, err := ensureSocketDir(fleet)
	if err != nil {
		return "", err
	}
	endpoint := "unix://" + filepath.Join(sockets, "etcd.sock")
	p := &process.Process{Name: "etcd", Log: filepath.Join(dir, "etcd.log"), Args: []string{bin,
		"--name=s",
		"--data-dir=" + filepath.Join(dir, "data"),
		"--listen-client-urls=" + endpoint,
		"--advertise-client-urls=http://localhost:1", // nobody asks
		"--listen-peer-urls=unix://peer:1",           // a socket of that name in the folder: there are no peers
		"--initial-advertise-peer-urls=unix://peer:1",
		"--initial-cluster=s=unix://peer:1",
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=5m",
		"--log-level=warn",
	}}
	if err := p.Start(dir); err != nil {
		return "", err
	}
	return endpoint, waitEtcd(ctx, p, endpoint)
}

// ended says why etcd ended: where the disk is full in a line, else in the last ones of its log.
func ended(p *process.Process) error {
	log, _ := process.Tail(p.Log, 1<<20) // without it, nothing is explained
	if full := syscall.ENOSPC.Error(); strings.Contains(string(log), full) {
		return fmt.Errorf("etcd ended: %s: %s", filepath.Dir(p.Log), full)
	}
	return p.Explain(errors.New("etcd ended"))
}

func waitEtcd(ctx context.Context, p *process.Process, endpoint string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("etcd does not answer after 30 s"))
	defer cancel()
	sock := strings.TrimPrefix(endpoint, "unix://")
	for {
		if _, err := os.Stat(sock); err == nil {
			break
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return p.Explain(err)
		}
		if !p.Alive() {
			return ended(p)
		}
	}
	cli, err := dialEtcd(endpoint)
	if err != nil {
		return err
	}
	defer cli.Close()
	if _, err := cli.Get(ctx, "ready"); err != nil {
		return p.Explain(fmt.Errorf("etcd: %w", err))
	}
	return nil
}

// quiet keeps gRPC's own log, of connections that come and go, out of users' terminals.
var quiet = sync.OnceFunc(func() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) })

func dialEtcd(endpoint string) (*clientv3.Client, error) {
	quiet()
	return clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
}

// etcdEndpoint is where the fleet's etcd listens.
func etcdEndpoint(fleet string) (string, error) {
	dir, err := readSocketDir(fleet)
	return "unix://" + filepath.Join(dir, "etcd.sock"), err
}

// Socket paths are short by law: 104 bytes on some systems. A fleet in a deep
// folder has its socket in a folder of its own below the system's temporary one.
const longestSocketDir = 80

func ensureSocketDir(fleet string) (string, error) {
	dir := filepath.Join(fleet, "etcd")
	if len(dir) > longestSocketDir {
		if old, err := readSocketDir(fleet); err == nil {
			return old, nil
		}
		var err error
		if dir, err = os.MkdirTemp("", "seatrial-"); err != nil { // 0700
			return "", err
		}
	}
	return dir, process.WriteFile(filepath.Join(fleet, "etcd", "sockets"), []byte(dir))
}

func readSocketDir(fleet string) (string, error) {
	data, err := os.ReadFile(filepath.Join(fleet, "etcd", "sockets"))
	return string(data), err
}

// dropKeys removes a cluster's keys, when etcd runs.
func (p *Provider) dropKeys(ctx context.Context, name string) error {
	e, err := process.Load(filepath.Join(p.dir, "etcd"), "etcd")
	if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Alive() {
		return nil
	}
	if err != nil {
		return err
	}
	endpoint, err := etcdEndpoint(p.dir)
	if err != nil {
		return err
	}
	cli, err := dialEtcd(endpoint)
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err = cli.Delete(ctx, prefix(name)+"/", clientv3.WithPrefix())
	return err
}

// prefix is where the keys of a cluster are.
func prefix(name string) string { return "/" + name }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
