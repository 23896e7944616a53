package process

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from this range: below the one that systems give to outgoing connections,
// which may be in use at any moment.
const (
	FirstPort = 20000
	LastPort  = 29999
)

// FreePort finds a port of the address, an IP of this machine, that nobody listens on and that
// is not taken, and notes it as taken.
func FreePort(address string, taken map[int]bool) (int, error) {
	const n = LastPort - FirstPort + 1
	start := rand.IntN(n) // so that fleets made at the same time seldom meet
	for i := range n {
		port := FirstPort + (start+i)%n
		if taken[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		taken[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d on %s", FirstPort, LastPort, address)
}
