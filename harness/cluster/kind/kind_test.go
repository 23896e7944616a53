package kind

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
)

func TestCheck(t *testing.T) {
	every := []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.Kwok, cluster.Kyverno, cluster.KyvernoReports}
	for _, test := range []struct {
		reason string
		spec   cluster.Spec
		want   []cluster.Component
		fault  string // part of the error; empty: none
	}{
		{"Kyverno unless told", cluster.Spec{Name: "east"}, []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.Kyverno}, ""},
		{"real nodes play themselves", cluster.Spec{Name: "east", Components: every, Nodes: 7}, []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.Kyverno, cluster.KyvernoReports}, ""},
		{"no name", cluster.Spec{}, nil, "cluster name"},
		{"a name that is no label", cluster.Spec{Name: "East_1"}, nil, `"East_1"`},
		{"a name that no host may have", cluster.Spec{Name: strings.Repeat("a", longest+1)}, nil, "at most"},
		{"the longest name", cluster.Spec{Name: strings.Repeat("a", longest)}, []cluster.Component{cluster.ControllerManager, cluster.Scheduler, cluster.Kyverno}, ""},
		{"a component that is not known", cluster.Spec{Name: "east", Components: []cluster.Component{"kube-proxy"}}, nil, `"kube-proxy"`},
		{"too many workers", cluster.Spec{Name: "east", Kind: cluster.KindSpec{Workers: 21}}, nil, "21 workers"},
	} {
		got, err := check(test.spec)
		if test.fault != "" {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%s: got %v, want %q", test.reason, err, test.fault)
			}
			continue
		}
		if err != nil || got.Nodes != 0 {
			t.Errorf("%s: %v, %d nodes", test.reason, err, got.Nodes)
		}
		if diff := cmp.Diff(test.want, got.Components); diff != "" {
			t.Errorf("%s: %s", test.reason, diff)
		}
	}
	if n := len("seatrial-01234567-") + longest + len("-control-plane"); n != 63 {
		t.Errorf("the longest host name has %d characters", n)
	}
}

func TestConfig(t *testing.T) {
	spec := cluster.Spec{Kind: cluster.KindSpec{Workers: 2, FeatureGates: map[string]bool{"A": true}, KubeadmPatches: []string{"kind: ClusterConfiguration"}}}
	c := config(spec, "example.com/node:v1", true, engineInfo{CgroupVersion: "1"})
	if len(c.Nodes) != 3 || c.Nodes[0].Role != "control-plane" || c.Nodes[2].Role != "worker" || c.Nodes[2].Image != "example.com/node:v1" {
		t.Errorf("got nodes %+v", c.Nodes)
	}
	if !c.Networking.DisableDefaultCNI || !c.FeatureGates["A"] {
		t.Errorf("got %+v", c)
	}
	if n := len(c.KubeadmConfigPatches); n != 5 || !strings.Contains(c.KubeadmConfigPatches[0], "failCgroupV1") || c.KubeadmConfigPatches[4] != "kind: ClusterConfiguration" {
		t.Errorf("the user's patch is the last: %q", c.KubeadmConfigPatches)
	}
	if c := config(cluster.Spec{}, "", false, engineInfo{CgroupVersion: "2"}); strings.Contains(strings.Join(c.KubeadmConfigPatches, ""), "failCgroupV1") || c.Networking.DisableDefaultCNI || c.Nodes[0].Image != "" {
		t.Errorf("kind's own image on cgroup v2 gets no more than time: %+v", c)
	}
}

func TestSameVersion(t *testing.T) {
	for want, ok := range map[string]bool{"": true, "v1.36.3": true, "v1.35.0": false} {
		if err := sameVersion(cluster.Spec{KubernetesVersion: want}, "v1.36.3"); (err == nil) != ok {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestMissingOfAHost(t *testing.T) {
	proc := func(free, instances string) host {
		dir := t.TempDir()
		for name, content := range map[string]string{"meminfo": "MemTotal: 99999999 kB\nMemAvailable: " + free + " kB\n", "sys/fs/inotify/max_user_instances": instances + "\n"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return host{dir}
	}
	for _, test := range []struct {
		reason string
		host   host
		nodes  int
		want   []string
	}{
		{"enough of everything", proc("8000000", "1024"), 4, nil},
		{"the usual limit is enough for two", proc("8000000", "128"), 2, nil},
		{"and not for five", proc("8000000", "128"), 5, []string{"inotify"}},
		{"little memory", proc("1000000", "1024"), 2, []string{"memory"}},
		{"both at once", proc("1000000", "128"), 5, []string{"memory", "inotify"}},
		{"a system that does not tell", host{t.TempDir()}, 50, nil},
	} {
		got := test.host.missing(test.nodes)
		if len(got) != len(test.want) {
			t.Errorf("%s: got %v", test.reason, got)
			continue
		}
		for i, w := range test.want {
			if !strings.Contains(got[i].What, w) || got[i].Fix == "" {
				t.Errorf("%s: got %+v, want %s and how to fix it", test.reason, got[i], w)
			}
		}
	}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p, err := New(t.TempDir(), &binaries.Store{Offline: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Create(t.Context(), cluster.Spec{Name: "east"})
	if err == nil || !strings.Contains(err.Error(), "no Docker engine") || !strings.Contains(err.Error(), "hint:") {
		t.Errorf("got %v", err)
	}
	if names, err := p.List(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("a fleet that never was: %v %v", names, err)
	}
	if err := p.Delete(t.Context(), "east"); err != nil {
		t.Errorf("a cluster that never was: %v", err)
	}
	if _, err := p.Open(t.Context(), "east"); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestEngineThatFails holds that a cluster whose containers cannot be removed is not forgotten.
func TestEngineThatFails(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\necho broken >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	p, err := New(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "east"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(context.Background(), "east"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "east")); err != nil {
		t.Error("the cluster was forgotten with its containers still there")
	}
}

func TestDigested(t *testing.T) {
	got := digested([]string{"nginx:1.25", "nginx@sha256:" + zeroDigest, "Not An Image", "example.com:5000/a/b:2@sha256:" + zeroDigest, "nginx@sha256:" + zeroDigest})
	want := []string{"docker.io/library/nginx@sha256:" + zeroDigest, "example.com:5000/a/b@sha256:" + zeroDigest}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

var zeroDigest = strings.Repeat("0", 64)

func TestInternalIP(t *testing.T) {
	n := corev1.Node{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "east"}, {Type: corev1.NodeInternalIP, Address: "fc00::2"}, {Type: corev1.NodeInternalIP, Address: "172.18.0.2"}}}}
	if got := internalIP(n); got != "172.18.0.2" {
		t.Errorf("got %s", got)
	}
}
