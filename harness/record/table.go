package record

import (
	"errors"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// table is what an API server answers to [metadataOnly].
type table struct {
	Kind     string          `json:"kind"`
	Metadata metav1.ListMeta `json:"metadata"`
	Columns  []struct {
		Name string `json:"name"`
	} `json:"columnDefinitions"`
	Rows []struct {
		Cells  []any `json:"cells"`
		Object struct {
			Metadata map[string]any `json:"metadata"`
		} `json:"object"`
	} `json:"rows"`
}

// fromTable reads a page of a table: the metadata of its objects, and their types where a column
// shows them. Nothing else is taken, whatever there is.
func (p *page) fromTable(content []byte) error {
	var t table
	if err := json.Unmarshal(content, &t); err != nil {
		return err
	}
	if t.Kind != "Table" {
		return errors.New("it is no table")
	}
	p.Metadata, p.Items = t.Metadata, nil
	at := -1
	for i, c := range t.Columns {
		if c.Name == "Type" {
			at = i
		}
	}
	for _, row := range t.Rows {
		item := map[string]any{"metadata": row.Object.Metadata}
		if at >= 0 && at < len(row.Cells) {
			item["type"] = row.Cells[at]
		}
		p.Items = append(p.Items, item)
	}
	if slices.ContainsFunc(p.Items, func(item map[string]any) bool { return len(item["metadata"].(map[string]any)) == 0 }) {
		return errors.New("its rows have no metadata")
	}
	return nil
}
