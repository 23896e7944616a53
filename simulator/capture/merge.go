package capture

import (
	"context"
	"fmt"
)

// Merge writes the clusters of several captures into one file, in the order given. Two
// clusters of the same name are refused, unless join says that they are the same one: then
// their worlds and records are put together, the later world object winning.
func Merge(ctx context.Context, out string, files []string, join bool) (End, error) {
	from := map[string]string{}
	captures := make([]*Capture, 0, len(files))
	for _, name := range files {
		c, err := Open(name)
		if err != nil {
			return End{}, err
		}
		for _, cluster := range c.Clusters {
			if other, twice := from[cluster.Name]; twice && !join {
				return End{}, fmt.Errorf("cluster %q is in both %s and %s: capture one of them with another --cluster, or --join them", cluster.Name, other, name)
			}
			from[cluster.Name] = name
		}
		captures = append(captures, c)
	}
	w, err := NewWriter(out)
	if err != nil {
		return End{}, err
	}
	introduced := map[string]bool{}
	for _, c := range captures {
		if err := c.copyTo(ctx, w, introduced); err != nil {
			w.Abort()
			return End{}, err
		}
	}
	return w.end, w.Close()
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
		case l.World != nil:
			return w.World(*l.World)
		case l.Skipped != nil:
			return w.Skipped(*l.Skipped)
		case l.Record != nil:
			return w.Record(l.Record)
		}
		return nil
	})
}
