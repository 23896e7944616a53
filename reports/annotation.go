package reports

import (
	"encoding/json"

	"github.com/seatrial/seatrial/simulator/policy"
)

// annotation reads one annotation of a manifest; "" when it has none.
func annotation(o *policy.Object, key string) string {
	var meta struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(o.JSON, &meta) // a title is decoration: without it the name is shown
	return meta.Metadata.Annotations[key]
}
