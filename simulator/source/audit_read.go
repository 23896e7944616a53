package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// maxEvent bounds one line of an audit log, in bytes.
const maxEvent = 64 << 20

// logNames are the endings of what counts as a log in a folder.
var logNames = []string{".log", ".json", ".jsonl", ".ndjson", ".gz"}

// logsOf is a log, or all logs below a folder by name: that is how kube-apiserver names
// rotated ones, the current one last.
func logsOf(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var logs []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && slices.Contains(logNames, strings.ToLower(filepath.Ext(path))) {
			logs = append(logs, path)
		}
		return err
	})
	if err == nil && len(logs) == 0 {
		err = fmt.Errorf("%s: %w: no file in it ends in %s", name, ErrNothing, strings.Join(logNames, ", "))
	}
	return logs, err
}

// eachEvent calls f for every event of a log: JSON lines, an EventList, an array, YAML;
// plain or gzip. bad is told of what is no event, and the reading goes on.
func eachEvent(name string, stdin io.Reader, f func(e *event, line int) error, bad func(line int, reason string)) error {
	return openLog(name, stdin, func(in *bufio.Reader) error { return readEvents(in, f, bad) })
}

// openLog calls f with what a log holds.
func openLog(name string, stdin io.Reader, f func(*bufio.Reader) error) error {
	var in io.Reader = stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	buffered := bufio.NewReaderSize(in, 1<<17)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		defer zip.Close()
		buffered = bufio.NewReaderSize(zip, 1<<17)
	}
	return f(buffered)
}

func readEvents(in *bufio.Reader, f func(*event, int) error, bad func(int, string)) error {
	number := 0
	for {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end := errors.Is(err, io.EOF)
		number++
		trimmed := bytes.TrimSpace(line)
		switch {
		case len(trimmed) == 0:
		case number == 1 && !json.Valid(trimmed):
			return readWhole(io.MultiReader(bytes.NewReader(line), in), f, bad)
		default:
			if err := oneEvent(trimmed, number, f, bad); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxEvent {
			return nil, fmt.Errorf("a line is longer than %d MiB", maxEvent>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// readWhole reads what is not one event a line: indented JSON, an array, YAML.
func readWhole(in io.Reader, f func(*event, int) error, bad func(int, string)) error {
	content, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	for _, doc := range manifest.Split(content) {
		if doc.Err != nil {
			bad(doc.ErrAt, doc.Err.Error())
			continue
		}
		if doc.Object == nil {
			if !doc.Empty {
				bad(doc.Line, "no audit event")
			}
			continue
		}
		raw, err := json.Marshal(doc.Object)
		if err != nil {
			bad(doc.Line, "no audit event")
			continue
		}
		if err := oneEvent(raw, doc.Line, f, bad); err != nil {
			return err
		}
	}
	return nil
}

func oneEvent(raw []byte, line int, f func(*event, int) error, bad func(int, string)) error {
	if raw[0] == '[' {
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			bad(line, "JSON does not parse")
			return nil
		}
		for _, item := range items {
			if err := oneEvent(item, line, f, bad); err != nil {
				return err
			}
		}
		return nil
	}
	e := &event{}
	if err := json.Unmarshal(raw, e); err != nil {
		bad(line, eventReason(err))
		return nil
	}
	if !e.isEvent() {
		if inner := unwrap(raw); inner != nil {
			return oneEvent(inner, line, f, bad)
		}
		bad(line, "no audit event: apiVersion is not audit.k8s.io")
		return nil
	}
	if e.Items == nil {
		return f(e, line)
	}
	for _, item := range e.Items {
		if item == nil {
			bad(line, "an item of the EventList is null")
			continue
		}
		if err := f(item, line); err != nil {
			return err
		}
	}
	return nil
}

// eventReason never quotes the line: it may hold a Secret.
func eventReason(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return "no audit event: field " + kind.Field + " is a " + kind.Value
	}
	return "JSON does not parse"
}

// unwrap takes an event out of what log shippers put around it.
func unwrap(raw []byte) []byte {
	var wrapper map[string]json.RawMessage
	if json.Unmarshal(raw, &wrapper) != nil {
		return nil
	}
	for _, key := range []string{"log", "message", "@message", "textPayload", "event"} {
		inner := bytes.TrimSpace(wrapper[key])
		if len(inner) == 0 {
			continue
		}
		var quoted string
		if json.Unmarshal(inner, &quoted) == nil {
			inner = []byte(strings.TrimSpace(quoted))
		}
		if len(inner) > 0 && inner[0] == '{' && json.Valid(inner) {
			return inner
		}
	}
	return nil
}
