package source

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// jitter is how far the log of one server may be out of the order of its times, which is the order of
// its answers all the same, and how far the clocks of two servers may be apart.
const jitter = time.Second

// logFile is a log, and when its events were.
type logFile struct {
	name        string
	first, last time.Time     // zero where it has no times
	late        time.Duration // how far an event is behind another that is before it
	pipe        bool          // it can be read but once: its times are not known
}

// scanLogs looks when the events of logs were.
func scanLogs(ctx context.Context, names []string) ([]logFile, error) {
	files, errs := make([]logFile, len(names)), make([]error, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() error {
			if files[i], errs[i] = scanLog(ctx, name); errs[i] != nil {
				errs[i] = fmt.Errorf(" %s: %w", name, errs[i])
			}
			return nil
		})
	}
	if err := cmp.Or(group.Wait(), cmp.Or(errs...)); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(x, y logFile) int {
		return cmp.Or(x.first.Compare(y.first), x.last.Compare(y.last), cmp.Compare(x.name, y.name))
	})
	return files, nil
}

func scanLog(ctx context.Context, name string) (logFile, error) {
	file := logFile{name: name, pipe: name == "-"}
	if file.pipe {
		return file, nil
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		file.pipe = true
		return file, err
	}
	return file, openLog(name, nil, func(in *bufio.Reader) error {
		for {
			line, err := readLine(in)
			eachTime(line, file.see)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err = cmp.Or(err, ctx.Err()); err != nil {
				return err
			}
		}
	})
}

func (f *logFile) see(at time.Time) {
	if f.first.IsZero() || at.Before(f.first) {
		f.first = at
	}
	if at.After(f.last) {
		f.last = at
	}
	f.late = max(f.late, f.last.Sub(at))
}

// times are the fields that an event has its times in, the best first.
var times = [][]byte{[]byte("stageTimestamp"), []byte("timestamp"), []byte("requestReceivedTimestamp")}

// eachTime calls see for the times that are written in a line. There may be others in bodies: they
// make a log look less in order than it is.
func eachTime(line []byte, see func(time.Time)) {
	for _, field := range times {
		found := false
		for rest := line; ; {
			_, after, ok := bytes.Cut(rest, field)
			if !ok {
				break
			}
			rest = bytes.TrimLeft(after, `\"': `)
			value := rest[:min(len(rest), len("2006-01-02T15:04:05.999999999-07:00"))]
			if end := bytes.IndexAny(value, "\\\"', \r\n"); end >= 0 {
				value = value[:end]
			}
			if at, err := time.Parse(time.RFC3339Nano, string(value)); err == nil && !at.IsZero() {
				see(at)
				found = true
			}
		}
		if found {
			return
		}
	}
}

// inTurn puts logs that do not overlap into one sequence, as those that one server rotates: no more of
// them are read at once than overlap. files are in the order of their first events.
func inTurn(files []logFile) (sequences [][]logFile) {
	for _, file := range files {
		i := slices.IndexFunc(sequences, func(s []logFile) bool { return file.continues(s[len(s)-1]) })
		if i < 0 {
			sequences = append(sequences, nil)
			i = len(sequences) - 1
		}
		sequences[i] = append(sequences[i], file)
	}
	return sequences
}

// continues tells whether a log is the next after another, but for the jitter.
func (f logFile) continues(before logFile) bool {
	if f.pipe || before.pipe {
		return false
	}
	overlap := before.last.Sub(f.first)
	return overlap <= 0 || overlap <= jitter && 4*overlap < min(before.last.Sub(before.first), f.last.Sub(f.first))
}
