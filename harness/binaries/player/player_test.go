package player

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	imagename "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// A port answers every kind of probe that kubelets have.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serve(l)
	at := l.Addr().String()
	insecureTLS := &tls.Config{InsecureSkipVerify: true}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: insecureTLS}}
	for _, scheme := range []string{"http", "https"} {
		resp, err := client.Get(scheme + "://" + at + "/healthz?full=1")
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || string(body) != "ok\n" {
			t.Errorf("%s: got %s, %q", scheme, resp.Status, body)
		}
	}
	for _, c := range []credentials.TransportCredentials{insecure.NewCredentials(), credentials.NewTLS(insecureTLS)} {
		conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(c))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		got, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "any"})
		cancel()
		if err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("gRPC by %s: got %v, %v", c.Info().SecurityProtocol, got, err)
		}
		conn.Close()
	}
}

const podJSON = `{"metadata": {"ownerReferences": [{"kind": "ReplicaSet"}]}, "spec": {
  "initContainers": [{"name": "wait"}, {"name": "proxy", "restartPolicy": "Always", "readinessProbe": {"httpGet": {"port": 15021}}}],
  "containers": [{"name": "web",
    "ports": [{"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}],
    "readinessProbe": {"httpGet": {"port": "http"}}, "livenessProbe": {"grpc": {"port": 9090}}, "startupProbe": {"tcpSocket": {"port": "7070"}},
    "lifecycle": {"preStop": {"httpGet": {"port": 81}}}}, {"name": "bare"}]}}`

func TestPart(t *testing.T) {
	var p pod
	if err := json.Unmarshal([]byte(podJSON), &p); err != nil {
		t.Fatal(err)
	}
	for container, want := range map[string]string{"wait": "end", "proxy": "play 15021", "web": "play 81 7070 8080 9090", "bare": "play"} {
		got, err := p.part(container)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, %v, want %q", container, got, err, want)
		}
	}
	if _, err := p.part("gone"); err == nil {
		t.Error("a container that the pod does not have was found")
	}
	p.Metadata.OwnerReferences[0].Kind = "Job"
	if got, _ := p.part("web"); !slices.Equal(got, []string{"end"}) {
		t.Errorf("a Job's container: got %q", got)
	}
}

// A container's configuration is changed where it is a workload's, and every other field is kept.
func TestRewrite(t *testing.T) {
	asked := 0
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path != "/api/v1/namespaces/shop/pods/cart-1" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		fmt.Fprint(w, podJSON)
	}))
	defer api.Close()
	dir := t.TempDir()
	c := Config{Server: api.URL, Own: []string{"kyverno"}, Real: []string{"example.com/proxy:v1"}}
	c.CA, c.Credential = credential(t, dir, api)
	for _, tc := range []struct{ namespace, kind, container, image, want string }{
		{"shop", "container", "web", "shop/web:1", "/.seatrial/player play 81 7070 8080 9090"},
		{"shop", "sandbox", "", "", "serve -v"},
		{"kyverno", "container", "web", "shop/web:1", "serve -v"},
		{"kube-system", "container", "web", "example.com/proxy:v1", "serve -v"},
		{"shop", "container", "web", "example.com/proxy:v1", "/.seatrial/player play 81 7070 8080 9090"},
	} {
		bundle := t.TempDir()
		before := map[string]any{
			"ociVersion": "1.2.0", "process": map[string]any{"args": []any{"serve", "-v"}, "cwd": "/srv", "user": map[string]any{"uid": 7.0}}, "mounts": []any{map[string]any{"destination": "/proc"}},
			"annotations": map[string]any{"io.kubernetes.cri.container-type": tc.kind, "io.kubernetes.cri.sandbox-namespace": tc.namespace,
				"io.kubernetes.cri.sandbox-name": "cart-1", "io.kubernetes.cri.container-name": tc.container, "io.kubernetes.cri.image-name": tc.image},
		}
		path := filepath.Join(bundle, "config.json")
		write(t, path, before)
		if err := c.rewrite([]string{"--root", "/run/x", "create", "--bundle", bundle, "--pid-file", "p", "id"}); err != nil {
			t.Fatalf("%+v: %v", tc, err)
		}
		after := spec{}
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &after)
		}
		if err != nil {
			t.Fatal(err)
		}
		process := after["process"].(map[string]any)
		var args []string
		for _, a := range process["args"].([]any) {
			args = append(args, a.(string))
		}
		if got := strings.Join(args, " "); got != tc.want {
			t.Errorf("%+v: it runs %q", tc, got)
		}
		if strings.HasPrefix(tc.want, Inside) {
			if mounts := after["mounts"].([]any); len(mounts) != 2 || mounts[1].(map[string]any)["destination"] != Inside {
				t.Errorf("%+v: mounts %v", tc, mounts)
			}
			process["args"], process["cwd"], after["mounts"] = []any{"serve", "-v"}, "/srv", []any{map[string]any{"destination": "/proc"}}
		}
		if diff := cmp.Diff(spec(before), after); diff != "" {
			t.Errorf("%+v: other fields: %s", tc, diff)
		}
	}
}

// An API server that does not answer leaves a container played without ports, and an error for the log.
func TestRewriteWithoutAnswer(t *testing.T) {
	c := Config{Server: "https://127.0.0.1:1", CA: "/none", Credential: "/none"}
	s := spec{"process": map[string]any{"args": []any{"serve"}}, "annotations": map[string]any{"io.kubernetes.cri.container-type": "container"}}
	if err := c.create(s); err == nil {
		t.Error("no error")
	}
	if got := s["process"].(map[string]any)["args"]; !cmp.Equal(got, inside("play")) {
		t.Errorf("it runs %v", got)
	}
}

// Any image is pulled by its tag; those of the cluster itself, and by digests, are not.
func TestRegistry(t *testing.T) {
	r := newRegistry([]string{"example.com/proxy:v1"})
	var digested []string
	r.digested = func(name string) error { digested = append(digested, name); return nil }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query() // as containerd asks a mirror
		q.Set("ns", "example.com")
		req.URL.RawQuery = q.Encode()
		r.ServeHTTP(w, req)
	}))
	defer s.Close()
	for image, there := range map[string]bool{"team/a/web:latest": true, "proxy:v1": false, "web@sha256:" + strings.Repeat("0", 64): false} {
		ref, err := imagename.ParseReference(strings.TrimPrefix(s.URL, "http://") + "/" + image)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(ref)
		if (err == nil) != there {
			t.Errorf("%s: %v", image, err)
		}
		if !there {
			continue
		}
		config, err := img.ConfigFile()
		if err != nil || config.Config.User != "65532:65532" || len(config.Config.Entrypoint) == 0 {
			t.Errorf("%s: %+v, %v", image, config, err)
		}
		layers, err := img.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%s: %v, %v", image, layers, err)
		}
		content, err := layers[0].Uncompressed() // verified against the digests
		if err == nil {
			_, err = io.Copy(io.Discard, content)
		}
		if err != nil {
			t.Errorf("%s: %v", image, err)
		}
	}
	if want := []string{"example.com/web@sha256:" + strings.Repeat("0", 64)}; len(digested) == 0 || digested[0] != want[0] {
		t.Errorf("asked for by digest: %q, want %q", digested, want)
	}
}

func write(t *testing.T, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// credential writes the server's authority and a certificate with its key, as a kubelet has them.
func credential(t *testing.T, dir string, api *httptest.Server) (ca, pair string) {
	t.Helper()
	made, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	ca, pair = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "kubelet.pem")
	for path, data := range map[string][]byte{
		ca:   block("CERTIFICATE", api.Certificate().Raw),
		pair: append(block("CERTIFICATE", made.Certificate[0]), block("PRIVATE KEY", key)...),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca, pair
}
