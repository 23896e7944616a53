// Package player is the program by which nodes of a kind cluster play workloads whose images
// nobody here can pull, whose commands need what is not here, and whose probes ask what only the
// real program would answer. It is built for Linux of the standard library alone, and copied
// onto nodes; seatrial itself never runs it.
//
//	runc …              stands before a node's runc: containers of workloads get the player as their program
//	play [PORT…]        runs until it is told to stop, and answers HTTP, HTTPS, gRPC's health check and TCP on the ports
//	end                 succeeds at once: what an init container or a Job's does, and a command that a probe runs
//	registry ADDRESS    answers every pull with an image that holds nothing
//
// What is played is what the API server says of the pod at that moment, so that what policies
// changed in it is played, too.
package player

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Source is this package, for the machine that builds the program.
//
//go:embed *.go
var Source embed.FS

// Dir is where the player is on a node, and Inside where it is in a container.
const (
	Dir    = "/var/lib/seatrial"
	Inside = "/.seatrial"
	name   = "player"
)

// Repository is that of the player's own image, which nodes pull to give it other names.
const Repository = "seatrial.invalid/player"

// A Config is what a node's player is told, in a file config.json beside it.
type Config struct {
	Runc       string   `json:"runc"`       // the real one
	Server     string   `json:"server"`     // URL of the API server
	CA         string   `json:"ca"`         // file with its authority
	Credential string   `json:"credential"` // file with the kubelet's certificate and key
	Own        []string `json:"own"`        // namespaces of the cluster's own pods, which are not played
	Real       []string `json:"real"`       // full names of the cluster's own images, such as example.com/proxy:v1; in kube-system these run
}

func readConfig() (c Config, err error) {
	data, err := os.ReadFile(filepath.Join(Dir, "config.json"))
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(data, &c)
}

// Main is the program; it returns the exit code.
func Main(args []string) int {
	if filepath.Base(args[0]) == "runc" {
		return runc(args[1:])
	}
	err := fmt.Errorf("usage: %s play [PORT…] | end | registry ADDRESS", name)
	if len(args) > 1 {
		switch args[1] {
		case "play":
			err = play(args[2:])
		case "end":
			return 0
		case "registry":
			err = serveRegistry(args[2:])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
