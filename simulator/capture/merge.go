package capture

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// Merged is what a merge wrote.
type Merged struct {
	End
	Replaced []string // objects of worlds that took the place of others, in words
}

// Merge writes the clusters of several captures into one file, in the order given. Two
// clusters of the same name are refused, unless join says that they are the same one: then
// their worlds and records are put together, the later world object winning.
func Merge(ctx context.Context, out string, files []string, join bool) (Merged, error) {
	if err := distinct(files); err != nil {
		return Merged{}, err
	}
	from := map[string]string{}
	captures := make([]*Capture, 0, len(files))
	for _, name := range files {
		c, err := Open(name)
		if err != nil {
			return Merged{}, err
		}
		for _, cluster := range c.Clusters {
			if other, twice := from[cluster.Name]; twice && !join {
				return Merged{}, fmt.Errorf("cluster %q is in both %s and %s: capture one of them with another --cluster, or --join them", cluster.Name, other, name)
			}
			from[cluster.Name] = name
		}
		captures = append(captures, c)
	}
	w, err := NewWriter(out)
	if err != nil {
		return Merged{}, err
	}
	introduced := map[string]bool{}
	for _, c := range captures {
		if err := c.copyTo(ctx, w, introduced); err != nil {
			w.Abort()
			return Merged{}, err
		}
	}
	return Merged{w.end, w.Replaced()}, w.Close()
}

// distinct refuses a file that is given twice: its records would count twice.
func distinct(files []string) error {
	var seen []os.FileInfo
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("open capture: %w", err)
		}
		at := slices.IndexFunc(seen, func(other os.FileInfo) bool { return os.SameFile(other, info) })
		switch {
		case at >= 0 && files[at] == name:
			return fmt.Errorf("%s is given twice", name)
		case at >= 0:
			return fmt.Errorf("%s is %s again", name, files[at])
		}
		seen = append(seen, info)
	}
	return nil
}

func (c *Capture) copyTo(ctx context.Context, w *Writer, introduced map[string]bool) error {
	return scan(c.Path, false, func(l *line, _ int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case l.Cluster != nil && introduced[l.Cluster.Name]:
			return nil
		case l.Cluster != nil:
			introduced[l.Cluster.Name] = true
			return w.Cluster(*l.Cluster)
		}
		return w.copy(l)
	})
}

// WithWorld writes the capture again, with more objects in the worlds of its clusters. Those
// of the same kind and name as earlier ones take their place.
func (c *Capture) WithWorld(ctx context.Context, out string, more map[string][]WorldObject) (End, error) {
	w, err := NewWriter(out)
	if err != nil {
		return End{}, err
	}
	replaced := map[string]map[head]bool{}
	for cluster, objects := range more {
		replaced[cluster] = map[head]bool{}
		for _, o := range objects {
			replaced[cluster][headOf(o.Object)] = true
		}
	}
	err = scan(c.Path, false, func(l *line, _ int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case l.World != nil && replaced[l.World.Cluster][headOf(l.World.Object)]:
			return nil
		case l.Cluster != nil:
			return w.introduce(*l.Cluster, more[l.Cluster.Name])
		}
		return w.copy(l)
	})
	if err != nil {
		w.Abort()
		return End{}, err
	}
	return w.end, w.Close()
}

// introduce adds a cluster with the first objects of its world.
func (w *Writer) introduce(c Cluster, objects []WorldObject) error {
	if err := w.Cluster(c); err != nil {
		return err
	}
	for _, o := range objects {
		if err := w.World(o); err != nil {
			return err
		}
	}
	return nil
}

// copy adds a line of another capture that is not its header, a cluster or its end.
func (w *Writer) copy(l *line) error {
	switch {
	case l.World != nil:
		return w.World(*l.World)
	case l.Skipped != nil:
		return w.Skipped(*l.Skipped)
	case l.Record != nil:
		return w.Record(l.Record)
	}
	return nil
}
