package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// interruptible is a context that ends by a signal: one that asks for the end, or a closed terminal.
// What was started is removed then.
func interruptible() (ctx context.Context, gone context.CancelCauseFunc) {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, _ = signal.NotifyContext(context.Background(), ends...) //nolint:govet // the process ends with it
	// Writing to a closed pipe fails then, and does not end the process. The signal says nothing
	// itself: it comes of connections that others close, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return context.WithCancelCause(ctx)
}

// piped ends what writes into a pipe that nobody reads any longer. Other files it leaves as they are.
func piped(file *os.File, gone context.CancelCauseFunc) io.Writer {
	info, err := file.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return file
	}
	return pipe{file, gone}
}

type pipe struct {
	*os.File
	gone context.CancelCauseFunc
}

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.gone(syscall.EPIPE)
	}
	return n, err
}
