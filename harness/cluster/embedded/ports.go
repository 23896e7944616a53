package embedded

import (
	"net"
	"strconv"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

// A template's port can be replaced in place because every port has five digits.
const (
	firstPort = process.FirstPort
	lastPort  = process.LastPort
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

func freePort(taken map[int]bool) (int, error) { return process.FreePort(loopback, taken) }

const loopback = "127.0.0.1"

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
