package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

func TestWhatIsInterrupted(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("hang-ups are ignored here, as under nohup, and so are they by the program")
	}
	hangUp, _ := interruptible()
	defer signal.Reset()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	<-hangUp.Done()

	ctx, gone := interruptible()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := piped(w, gone).Write([]byte("x")); err == nil || !errors.Is(context.Cause(ctx), syscall.EPIPE) {
		t.Errorf("a pipe that nobody reads: %v, cause %v", err, context.Cause(ctx))
	}
}
