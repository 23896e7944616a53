package reports

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/harness/timeline"
)

// A Matrix is the fleet at the end: policies by clusters.
type Matrix struct {
	Clusters []string    `json:"clusters"`
	Rows     []MatrixRow `json:"rows"` // by policy
}

// A MatrixRow is one policy on every cluster.
type MatrixRow struct {
	Policy string           `json:"policy"`
	Cells  []*timeline.Cell `json:"cells"`  // by cluster; nil where it is not installed
	Groups []CellGroup      `json:"groups"` // the clusters that are alike, most first
}

// A CellGroup is clusters on which a policy is in one state.
type CellGroup struct {
	Cell     *timeline.Cell `json:"cell"` // one of them; nil: not installed
	Clusters []string       `json:"clusters"`
}

// absent is the mode of a policy that is not on a cluster.
const absent = "absent"

func matrixOf(t *timeline.Timeline) Matrix {
	m := Matrix{Rows: []MatrixRow{}}
	m.Clusters = order(t, func(add func(string)) {
		for _, c := range t.Clusters {
			add(c.Name)
		}
		for i := range t.Fleet {
			add(t.Fleet[i].Cluster)
		}
	})
	if len(t.Fleet) == 0 {
		return m
	}
	at := map[string]int{}
	for i := range t.Fleet {
		cell := &t.Fleet[i]
		row, ok := at[cell.Policy]
		if !ok {
			row = len(m.Rows)
			at[cell.Policy] = row
			m.Rows = append(m.Rows, MatrixRow{Policy: cell.Policy, Cells: make([]*timeline.Cell, len(m.Clusters))})
		}
		if cell.Mode != absent {
			m.Rows[row].Cells[slices.Index(m.Clusters, cell.Cluster)] = cell
		}
	}
	for i := range m.Rows {
		m.Rows[i].group(m.Clusters)
	}
	return m
}

// group collects the clusters whose cells are equal but for the cluster.
func (row *MatrixRow) group(clusters []string) {
	for i, cell := range row.Cells {
		at := slices.IndexFunc(row.Groups, func(g CellGroup) bool { return alike(g.Cell, cell) })
		if at < 0 {
			at = len(row.Groups)
			row.Groups = append(row.Groups, CellGroup{Cell: cell})
		}
		row.Groups[at].Clusters = append(row.Groups[at].Clusters, clusters[i])
	}
	slices.SortStableFunc(row.Groups, func(a, b CellGroup) int { return cmp.Compare(len(b.Clusters), len(a.Clusters)) })
}

func alike(a, b *timeline.Cell) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Mode == b.Mode && a.Version == b.Version && a.Ready == b.Ready
}
