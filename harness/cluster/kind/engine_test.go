package kind

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An engine that takes connections and never answers is told of, with what to do.
func TestSilentEngine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	defer func(is time.Duration) { patience = is }(patience)
	patience = 100 * time.Millisecond

	_, err := containers(t.Context(), "seatrial-")
	if !errors.Is(err, errSilent) || !strings.Contains(err.Error(), "docker ps: the Docker engine does not answer within 100ms (hint: start one") {
		t.Errorf("containers: %v", err)
	}
	p, err := New(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Preflight(t.Context(), nil)
	if err == nil || strings.Count(err.Error(), "hint:") != 1 || !strings.Contains(err.Error(), "does not answer within 100ms") {
		t.Errorf("preflight: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := containers(gone, "seatrial-"); err == nil || errors.Is(err, errSilent) {
		t.Errorf("interrupted: %v", err)
	}
}
