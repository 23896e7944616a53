package kyverno

import (
	"os"
	"sync"
)

// streams guards the process's standard input and error while signed manifests are verified.
var streams sync.Mutex

// ownStreams runs verify with the standard streams to itself. The library that Kyverno
// verifies manifests with hands the message over by replacing os.Stdin: of two at the same
// time, one reads the other's message and fails. It does not put it back after a failure,
// and writes "Verified OK" to os.Stderr.
func ownStreams(verify func()) {
	streams.Lock()
	defer streams.Unlock()
	in, err := os.Stdin, os.Stderr
	defer func() { os.Stdin, os.Stderr = in, err }()
	if null, fault := os.OpenFile(os.DevNull, os.O_WRONLY, 0); fault == nil {
		defer null.Close()
		os.Stderr = null
	}
	verify()
}
