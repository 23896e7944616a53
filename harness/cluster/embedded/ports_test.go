package embedded

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/harness/cluster"
)

func TestFreePorts(t *testing.T) {
	p := &Provider{dir: t.TempDir()}
	spec := cluster.Spec{Components: []cluster.Component{cluster.Kyverno, cluster.Kwok}}
	taken := map[int]string{}
	for _, name := range []string{"one", "two", "three"} {
		ports, err := p.freePorts(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range []string{"kube-apiserver", "kyverno", "kyverno/metrics", "kwok"} {
			if ports[use] == 0 {
				t.Errorf("%s: no port for %s: %v", name, use, ports)
			}
		}
		for use, port := range ports {
			if port < firstPort || port > lastPort {
				t.Errorf("%s: %s has port %d", name, use, port)
			}
			if other, ok := taken[port]; ok {
				t.Errorf("%s %s has the port of %s", name, use, other)
			}
			taken[port] = name + " " + use
		}
		saveMember(t, p, name, ports)
	}
}

func TestFreePortsLeavesOtherClustersTheirs(t *testing.T) {
	p := &Provider{dir: t.TempDir()}
	spec := cluster.Spec{Components: []cluster.Component{cluster.Kyverno}}
	left := map[int]bool{}
	for range 4 {
		if _, err := freePort(left); err != nil { // notes it in left
			t.Fatal(err)
		}
	}
	stopped := map[string]int{} // a cluster that does not run and has every other port
	for port := firstPort; port <= lastPort; port++ {
		if !left[port] {
			stopped[strconv.Itoa(port)] = port
		}
	}
	saveMember(t, p, "stopped", stopped)
	ports, err := p.freePorts(spec)
	if err != nil {
		t.Fatal(err)
	}
	for use, port := range ports {
		if !left[port] {
			t.Errorf("%s has port %d of another cluster", use, port)
		}
	}
	saveMember(t, p, "running", ports)
	if ports, err := p.freePorts(spec); err == nil {
		t.Errorf("got %v, and none is left", ports)
	}
}

// saveMember writes a cluster that has those ports and does not run.
func saveMember(t *testing.T, p *Provider, name string, ports map[string]int) *member {
	t.Helper()
	if _, err := ensurePKI(p.dir); err != nil {
		t.Fatal(err)
	}
	c := &member{provider: p, dir: filepath.Join(p.dir, "clusters", name), state: state{Spec: cluster.Spec{Name: name}, Ports: ports}}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.save(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFreePort(t *testing.T) {
	all := map[int]bool{}
	for port := firstPort; port <= lastPort; port++ {
		all[port] = true
	}
	if port, err := freePort(all); err == nil || !strings.Contains(err.Error(), "no free port between 20000 and 29999") {
		t.Errorf("got %d, %v", port, err)
	}

	free, err := freePort(map[int]bool{})
	if err != nil {
		t.Fatal(err)
	}
	delete(all, free)
	l, err := net.Listen("tcp", address(free))
	if err != nil {
		t.Skip("somebody took the port meanwhile")
	}
	if port, err := freePort(all); err == nil {
		t.Errorf("port %d is in use", port)
	}
	l.Close()
	if port, err := freePort(all); err != nil || port != free {
		t.Errorf("got %d, %v, want the one that is left, %d", port, err, free)
	}
	if _, err := freePort(all); err == nil {
		t.Error("a port was given twice")
	}
}
