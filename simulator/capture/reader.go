package capture

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"

	"github.com/klauspost/compress/zstd"
)

// ErrFormat is returned for a file that is no capture, or a broken one.
var ErrFormat = errors.New("not a readable capture")

// maxLine bounds one line, in bytes. The API server refuses bodies over 3 MiB, and an
// UPDATE carries the object twice; the rest is room for escapes.
const maxLine = 64 << 20

// MaxObject bounds an object of a capture, in bytes: a line holds up to three.
const MaxObject = 16 << 20

// Capture is an opened capture. World and cluster lines are read when it is opened;
// records are streamed by [Capture.Records], as often as asked.
type Capture struct {
	Path      string
	Clusters  []Cluster // in the file's order
	Skipped   []Skipped
	End       End
	SizeBytes int64 // of the file
	PlainSize int64 // of the uncompressed stream
	worlds    map[string]*World
}

// Open reads everything but the records, and verifies the whole file: its version, its
// counts and its digest.
func Open(path string) (*Capture, error) {
	c := &Capture{Path: path, worlds: map[string]*World{}}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	c.SizeBytes = info.Size()
	counted := End{}
	err = scan(path, true, func(l *line, size int) error {
		c.PlainSize += int64(size)
		switch {
		case l.Cluster != nil:
			if c.worlds[l.Cluster.Name] != nil {
				return fmt.Errorf("%w: cluster %q appears twice", ErrFormat, l.Cluster.Name)
			}
			c.Clusters = append(c.Clusters, *l.Cluster)
			c.worlds[l.Cluster.Name] = newWorld(*l.Cluster)
		case l.World != nil:
			counted.World++
			l.World.at = counted.Records
			return c.world(l.World)
		case l.Skipped != nil:
			counted.Skipped++
			c.Skipped = append(c.Skipped, *l.Skipped)
		case l.Record != nil:
			return c.check(l.Record, &counted)
		case l.End != nil:
			c.End = *l.End
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open capture %s: %w", path, err)
	}
	for _, w := range c.worlds {
		w.settle()
	}
	counted.Digest = c.End.Digest
	if counted != c.End {
		return nil, fmt.Errorf("open capture %s: %w: it says it has %d records and %d world objects, but has %d and %d", path, ErrFormat, c.End.Records, c.End.World, counted.Records, counted.World)
	}
	return c, nil
}

func (c *Capture) world(o *WorldObject) error {
	w := c.worlds[o.Cluster]
	if w == nil {
		return fmt.Errorf("%w: a world object belongs to cluster %q, which was not introduced", ErrFormat, o.Cluster)
	}
	return w.add(o)
}

func (c *Capture) check(r *Record, counted *End) error {
	if c.worlds[r.Cluster] == nil {
		return fmt.Errorf("%w: record %d belongs to cluster %q, which was not introduced", ErrFormat, r.Seq, r.Cluster)
	}
	if r.Seq != counted.Records {
		return fmt.Errorf("%w: record %d stands where %d should", ErrFormat, r.Seq, counted.Records)
	}
	counted.Records++
	w := c.worlds[r.Cluster]
	w.Resources.Observe(r)
	if followed[GVR{Group: r.Resource.Group, Resource: r.Resource.Resource}] {
		w.follow(r)
	}
	return nil
}

// World returns the world of a cluster, nil for an unknown one.
func (c *Capture) World(cluster string) *World { return c.worlds[cluster] }

// Records streams the records in order. Each is a fresh value.
func (c *Capture) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		err := scan(c.Path, false, func(l *line, _ int) error {
			if l.Record != nil && !yield(l.Record, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, fmt.Errorf("read capture %s: %w", c.Path, err))
		}
	}
}

var errStop = errors.New("stop")

// scan calls each for every line after the header. It returns an error for anything that
// is not a complete capture of a known version.
func scan(path string, verify bool, each func(l *line, size int) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	zip, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrFormat, err)
	}
	defer zip.Close()
	s := &scanner{in: bufio.NewReaderSize(zip, 1<<20), sum: sha256.New(), verify: verify}
	return s.run(each)
}

type scanner struct {
	in     *bufio.Reader
	sum    hash.Hash
	verify bool
	number int
	ended  bool
}

func (s *scanner) run(each func(l *line, size int) error) error {
	for {
		content, err := s.next()
		if errors.Is(err, io.EOF) {
			return s.atEnd()
		}
		if err != nil {
			return err
		}
		if s.ended {
			return fmt.Errorf("%w: there is more after the end", ErrFormat)
		}
		l, err := s.parse(content)
		if err != nil {
			return err
		}
		if s.verify && l.End == nil {
			s.sum.Write(content)
		}
		if l.End != nil {
			if err := s.finish(l.End); err != nil {
				return err
			}
		}
		if err := each(l, len(content)); err != nil {
			return err
		}
	}
}

// next reads one line, bounded, and names what is wrong with the stream.
func (s *scanner) next() ([]byte, error) {
	var content []byte
	for {
		part, err := s.in.ReadSlice('\n')
		content = append(content, part...)
		if len(content) > maxLine {
			return nil, fmt.Errorf("%w: line %d is longer than %d MiB", ErrFormat, s.number+1, maxLine>>20)
		}
		switch {
		case err == nil:
			s.number++
			return content, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(content) == 0 && s.number > 0:
			return nil, io.EOF
		case errors.Is(err, zstd.ErrMagicMismatch):
			return nil, fmt.Errorf("%w: it is not zstd-compressed", ErrFormat)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%w: it is truncated", ErrFormat)
		}
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
}

func (s *scanner) parse(content []byte) (*line, error) {
	l := &line{}
	if err := json.Unmarshal(content, l); err != nil {
		return nil, fmt.Errorf("%w: line %d: %v", ErrFormat, s.number, err)
	}
	if s.number == 1 {
		return l, checkHeader(l.Header)
	}
	if l.Header != nil || l.Cluster == nil && l.World == nil && l.Skipped == nil && l.Record == nil && l.End == nil {
		return nil, fmt.Errorf("%w: line %d is of no known kind", ErrFormat, s.number)
	}
	return l, nil
}

func checkHeader(h *Header) error {
	switch {
	case h == nil || h.Kind != Kind:
		return fmt.Errorf("%w: it does not start with a header of kind %s", ErrFormat, Kind)
	case h.APIVersion != APIVersion:
		return fmt.Errorf("%w: apiVersion %q, want %q", ErrFormat, h.APIVersion, APIVersion)
	case h.Version > Version:
		return fmt.Errorf("%w: format version %d is newer than this seatrial, which reads up to %d: upgrade it", ErrFormat, h.Version, Version)
	case h.Version < 1:
		return fmt.Errorf("%w: format version %d does not exist", ErrFormat, h.Version)
	}
	return nil
}

func (s *scanner) finish(end *End) error {
	s.ended = true
	if !s.verify {
		return nil
	}
	if got := "sha256:" + hex.EncodeToString(s.sum.Sum(nil)); got != end.Digest {
		return fmt.Errorf("%w: the digest does not match; the file was changed", ErrFormat)
	}
	return nil
}

func (s *scanner) atEnd() error {
	if !s.ended {
		return fmt.Errorf("%w: it is truncated: the end line is missing", ErrFormat)
	}
	return nil
}
