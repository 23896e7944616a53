package reports

import "strings"

// A way out of a refusal, by what its reason says.
var waysOut = []struct{ says, fix string }{
	{`resourceSnapshotIndex: Invalid value: "integer"`, `quote it: resourceSnapshotIndex: "1"`},
	{"spec.resourceSnapshotIndex: Required value", "v1alpha1 requires the index and knows no state: write the run as placement.kubernetes-fleet.io/v1, with state: Run"},
	{"the resource has been selected by both", "put the rules into one override, which applies them in their order; of two the one that is applied later is refused, here the later by file and line"},
}

// wayOut is what to do about a refusal; "" where nothing is known.
func wayOut(reason string) string {
	for _, w := range waysOut {
		if strings.Contains(reason, w.says) {
			return w.fix
		}
	}
	return ""
}
