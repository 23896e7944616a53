package embedded

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kyverno"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// A template is the keys of a cluster in which Kubernetes has bootstrapped and
// Kyverno is installed: definitions, roles, configuration, certificates and
// webhooks. A new cluster starts with a copy of them, so that nothing of it is
// computed twice; what belongs to one run of one cluster is left out ([transient]).
//
// Each version of Kubernetes has its own: roles, priority levels and the versions that
// objects are stored in differ. It is made on first use and kept in the user's cache folder
// for [templateAge], well within the life of the certificates that Kyverno made.
type template struct {
	Made time.Time
	Port int // Kyverno's, as in the webhook configurations
	Keys []pair
}

type pair struct {
	Key   string // below the cluster's prefix: /configmaps/kyverno/kyverno
	Value []byte
}

const (
	templateAge = 30 * 24 * time.Hour
	// templateVersion changes when what is put into templates does.
	templateVersion = "2"
)

// transient are the keys that a cluster must make itself.
var transient = []string{
	"/leases/", "/masterleases/", "/events/",
	"/services/endpoints/", "/endpointslices/",
	"/configmaps/kube-system/extension-apiserver-authentication",
}

// rootCA names the ConfigMaps with the certificate of a fleet's authority.
const rootCA = "/kube-root-ca.crt"

func isTransient(key string) bool {
	return strings.HasSuffix(key, rootCA) ||
		slices.ContainsFunc(transient, func(p string) bool { return strings.HasPrefix(key, p) })
}

// loadTemplate reads the template of these programs, or makes it.
func loadTemplate(ctx context.Context, version string, bins map[binaries.Name]string, log func(string, ...any)) (*template, error) {
	path, err := templatePath(version, bins)
	if err != nil {
		return nil, err
	}
	if t, err := readTemplate(path); err == nil && time.Since(t.Made) < templateAge {
		return t, nil
	}
	log("making the template cluster of Kubernetes %s, once for this machine", version)
	t, err := makeTemplate(ctx, bins)
	if err != nil {
		return nil, err
	}
	return t, t.write(path)
}

// templatePath names a template by what went into it.
func templatePath(version string, bins map[binaries.Name]string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, templateVersion, version, binaries.KyvernoVersion)
	for _, n := range []binaries.Name{binaries.APIServer, binaries.ControllerManager, binaries.Kyverno, binaries.KyvernoInstall} {
		info, err := os.Stat(bins[n])
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, n, info.Size(), info.ModTime().UnixNano())
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "seatrial", "templates", hex.EncodeToString(h.Sum(nil))[:16]), nil
}

func readTemplate(path string) (*template, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var t template
	return &t, gob.NewDecoder(z).Decode(&t)
}

// write keeps the template for this user alone: it holds the keys of Kyverno's certificates.
func (t *template) write(path string) error {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if err := gob.NewEncoder(z).Encode(t); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return process.WriteFile(path, buf.Bytes())
}

// makeTemplate runs a cluster in a temporary folder until it is ready, stops
// it, and reads its keys.
func makeTemplate(ctx context.Context, bins map[binaries.Name]string) (t *template, err error) {
	dir, err := os.MkdirTemp("", "seatrial-template-")
	if err != nil {
		return nil, err
	}
	defer func() {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, process.KillAll(undo, dir, programs), os.RemoveAll(dir))
	}()
	p := &Provider{dir: dir, log: func(string, ...any) {}}
	if _, err := ensurePKI(dir); err != nil {
		return nil, err
	}
	endpoint, err := startEtcd(ctx, dir, bins[binaries.Etcd])
	if err != nil {
		return nil, err
	}
	c, err := p.templateMember(bins)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	keys, err := dump(ctx, endpoint, prefix(c.Name()))
	return &template{Made: time.Now(), Port: c.port(cluster.Kyverno), Keys: keys}, err
}

func (p *Provider) templateMember(bins map[binaries.Name]string) (*member, error) {
	c := &member{provider: p, dir: filepath.Join(p.dir, "clusters", "template"), bins: bins}
	c.state.Spec = cluster.Spec{Name: "template", Components: []cluster.Component{cluster.ControllerManager, cluster.Kyverno}}
	var err error
	if c.pki, err = loadPKI(p.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	c.state.Ports, err = p.freePorts(c.state.Spec)
	return c, err
}

// prepare installs Kyverno, runs it until it answers, and stops everything in
// the order in which nothing is missed.
func (c *member) prepare(ctx context.Context) error {
	if err := c.Start(ctx, cluster.APIServer); err != nil {
		return err
	}
	if err := kyverno.Install(ctx, c.REST(), c.bins[binaries.KyvernoInstall], kyverno.Pods{}); err != nil {
		return fmt.Errorf("install Kyverno: %w", err)
	}
	if err := c.Start(ctx, cluster.ControllerManager); err != nil {
		return err
	}
	if err := kyverno.AwaitRoles(ctx, c.REST()); err != nil {
		return err
	}
	if err := c.Start(ctx, cluster.Kyverno); err != nil {
		return err
	}
	for _, x := range []cluster.Component{cluster.Kyverno, cluster.ControllerManager, cluster.APIServer} {
		proc, err := process.Load(c.dir, string(x))
		if err != nil {
			return err
		}
		if err := proc.Stop(ctx, 10*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// dump reads every key below a prefix that a new cluster may start with.
func dump(ctx context.Context, endpoint, prefix string) ([]pair, error) {
	cli, err := dialEtcd(endpoint)
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	resp, err := cli.Get(ctx, prefix+"/", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
	if err != nil {
		return nil, err
	}
	var keys []pair
	for _, kv := range resp.Kvs {
		if key := strings.TrimPrefix(string(kv.Key), prefix); !isTransient(key) && kv.Lease == 0 {
			keys = append(keys, pair{key, kv.Value})
		}
	}
	return keys, nil
}

// isWebhook says whether a webhook configuration is kept at the key.
func isWebhook(key string) bool {
	return strings.HasPrefix(key, "/validatingwebhookconfigurations/") || strings.HasPrefix(key, "/mutatingwebhookconfigurations/")
}

// keysOf are the template's keys as a cluster has them whose Kyverno listens on the
// port; without webhooks when it has none (0). The port has as many digits as the
// template's, so that a stored message stays what it is.
func (t *template) keysOf(name string, port int) []pair {
	from := []byte(loopback + ":" + strconv.Itoa(t.Port))
	to := []byte(loopback + ":" + strconv.Itoa(port))
	keys := make([]pair, 0, len(t.Keys))
	for _, kv := range t.Keys {
		value := kv.Value
		if isWebhook(kv.Key) {
			if port == 0 {
				continue
			}
			value = bytes.ReplaceAll(value, from, to)
		}
		keys = append(keys, pair{prefix(name) + kv.Key, value})
	}
	return keys
}

// copyTo writes the template's keys under the cluster's prefix.
func (t *template) copyTo(ctx context.Context, c *member) error {
	endpoint, err := etcdEndpoint(c.provider.dir)
	if err != nil {
		return err
	}
	cli, err := dialEtcd(endpoint)
	if err != nil {
		return err
	}
	defer cli.Close()
	var ops []clientv3.Op
	size := 0
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		_, err := cli.Txn(ctx).Then(ops...).Commit()
		ops, size = ops[:0], 0
		return err
	}
	for _, kv := range t.keysOf(c.Name(), c.port(cluster.Kyverno)) {
		ops = append(ops, clientv3.OpPut(kv.Key, string(kv.Value)))
		if size += len(kv.Value); len(ops) == 100 || size > 1<<19 { // etcd's limits: 128 operations, 1.5 MiB
			if err := flush(); err != nil {
				return fmt.Errorf("copy the template: %w", err)
			}
		}
	}
	return flush()
}
