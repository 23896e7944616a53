package capture

import (
	"context"
	"fmt"
)

// Merge writes the clusters of several captures into one file, in the order given. Two
// clusters of the same name are refused.
func Merge(ctx context.Context, out string, files []string) (End, error) {
	from := map[string]string{}
	captures := make([]*Capture, 0, len(files))
	for _, name := range files {
		c, err := Open(name)
		if err != nil {
			return End{}, err
		}
		for _, cluster := range c.Clusters {
			if other, twice := from[cluster.Name]; twice {
				return End{}, fmt.Errorf("cluster %q is in both %s and %s: capture one of them with another --cluster", cluster.Name, other, name)
			}
			from[cluster.Name] = name
		}
		captures = append(captures, c)
	}
	w, err := NewWriter(out)
	if err != nil {
		return End{}, err
	}
	for _, c := range captures {
		if err := c.copyTo(ctx, w); err != nil {
			w.Abort()
			return End{}, err
		}
	}
	return w.end, w.Close()
}

func (c *Capture) copyTo(ctx context.Context, w *Writer) error {
	return scan(c.Path, false, func(l *line, _ int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case l.Cluster != nil:
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
