package traffic

import (
	"net/http"
	"slices"
	"testing"
)

// What stands behind a backslash is meant as it is: RFC 7230, section 3.2.6.
func TestWarningsAreUnquoted(t *testing.T) {
	h := http.Header{}
	for _, v := range []string{`299 - "Policy bs failed: back\\slash \"quoted\" C:\\new"`, `299 - "plain"`, `none`} {
		h.Add("Warning", v)
	}
	want := []string{`Policy bs failed: back\slash "quoted" C:\new`, "plain"}
	if got := warnings(h); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
