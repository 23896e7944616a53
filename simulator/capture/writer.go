package capture

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/klauspost/compress/zstd"

	"github.com/seatrial/seatrial/simulator/outfile"
)

// line is one line of the stream; exactly one field is set.
type line struct {
	Header  *Header      `json:"header,omitempty"`
	Cluster *Cluster     `json:"cluster,omitempty"`
	World   *WorldObject `json:"world,omitempty"`
	Skipped *Skipped     `json:"skipped,omitempty"`
	Record  *Record      `json:"record,omitempty"`
	End     *End         `json:"end,omitempty"`
}

// Writer writes a capture. Clusters come first, each before its world; records last.
// [Writer.Close] puts it in its place.
type Writer struct {
	file *outfile.File
	buf  *bufio.Writer
	zip  *zstd.Encoder
	sum  hash.Hash
	end  End
	err  error
	// replaced are the objects of worlds that a later one takes the place of.
	replaced Replaced
}

// NewWriter starts a capture that will appear at path, with mode 0600.
func NewWriter(path string) (*Writer, error) {
	file, err := outfile.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create capture: %w", err)
	}
	w := &Writer{file: file, sum: sha256.New()}
	w.buf = bufio.NewWriterSize(file, 1<<16)
	// One encoder goroutine: the bytes are the same on every machine.
	w.zip, err = zstd.NewWriter(w.buf, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		w.Abort()
		return nil, fmt.Errorf("create capture: %w", err)
	}
	w.write(line{Header: &Header{APIVersion: APIVersion, Kind: Kind, Version: Version}})
	return w, w.err
}

func (w *Writer) write(l line) {
	if w.err != nil {
		return
	}
	content, err := json.Marshal(l)
	if err != nil {
		w.err = fmt.Errorf("write capture: %w", err)
		return
	}
	if len(content) >= maxLine {
		w.err = fmt.Errorf("write capture: what was read at %s is larger than %d MiB", l.origin().place(), maxLine>>20)
		return
	}
	content = append(content, '\n')
	if l.End == nil {
		w.sum.Write(content)
	}
	if _, err := w.zip.Write(content); err != nil {
		w.err = fmt.Errorf("write capture: %w", err)
	}
}

// origin is where the content of a line came from.
func (l *line) origin() Origin {
	switch {
	case l.World != nil:
		return l.World.Origin
	case l.Record != nil:
		return l.Record.Origin
	}
	return Origin{Source: "capture"}
}

// Replaced tells, in words, which objects of worlds were given more than once, and differ.
func (w *Writer) Replaced() []string { return w.replaced.Found }

// Cluster introduces a cluster.
func (w *Writer) Cluster(c Cluster) error {
	w.write(line{Cluster: &c})
	return w.err
}

// World adds an object that policies may look up.
func (w *Writer) World(o WorldObject) error {
	w.end.World++
	w.replaced.See(&o)
	w.write(line{World: &o})
	return w.err
}

// Skipped adds a piece of input that could not be read.
func (w *Writer) Skipped(s Skipped) error {
	w.end.Skipped++
	w.write(line{Skipped: &s})
	return w.err
}

// Record adds a request and sets its Seq.
func (w *Writer) Record(r *Record) error {
	r.Seq = w.end.Records
	w.end.Records++
	w.write(line{Record: r})
	return w.err
}

// Close completes the capture and puts it in its place. After an error nothing is left.
func (w *Writer) Close() error {
	w.end.Digest = "sha256:" + hex.EncodeToString(w.sum.Sum(nil))
	w.write(line{End: &w.end})
	if err := cmp.Or(w.err, w.zip.Close(), w.buf.Flush()); err != nil {
		w.file.Abort()
		return fmt.Errorf("complete capture: %w", err)
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("complete capture: %w", err)
	}
	return nil
}

// Abort drops what was written.
func (w *Writer) Abort() {
	if w.zip != nil {
		_ = w.zip.Close() // the file goes anyway
	}
	w.file.Abort()
}
