package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Ports are taken from this range: below the one that systems give to outgoing
// connections, which may be in use at any moment, and of five digits, so that a
// template's port can be replaced in place.
const (
	firstPort = 20000
	lastPort  = 29999
)

// freePorts gives a port to each component of a new cluster and to Kyverno's
// metrics, none of them used by another cluster of the fleet or by anybody else.
func (p *Provider) freePorts(spec cluster.Spec) (map[string]int, error) {
	taken := map[int]bool{}
	names, err := p.List(nil)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if c, err := p.open(n); err == nil {
			for _, port := range c.state.Ports {
				taken[port] = true
			}
		}
	}
	ports := map[string]int{}
	for _, c := range append([]cluster.Component{cluster.APIServer}, spec.Parts()...) {
		for _, use := range []string{string(c), string(c) + "/metrics"} {
			if ports[use], err = freePort(taken); err != nil {
				return nil, err
			}
		}
	}
	return ports, nil
}

func freePort(taken map[int]bool) (int, error) {
	const n = lastPort - firstPort + 1
	start := rand.IntN(n) // so that fleets made at the same time seldom meet
	for i := range n {
		port := firstPort + (start+i)%n
		if taken[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		taken[port] = true
		return port, nil
	}
	return 0, errors.New(fmt.Sprintf("no free port between %d and %d", firstPort, lastPort))
}

const loopback = "127.0.0.1"

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
