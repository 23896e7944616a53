package drift

import (
	"strings"
	"testing"
)

func TestUncoveredFilters(t *testing.T) {
	for _, test := range []struct{ list, by, want, reason string }{
		{"[ServiceAccount,kyverno,one] [Pod/exec,kyverno,*]", "[*/*,kyverno,*]", "", "what is in a namespace that is left out as a whole is left out"},
		{"[*/*,kyverno,*]", "[*,kyverno,*]", "[*/*,kyverno,*]", "every kind leaves subresources out"},
		{"[*/*,kyverno,*]", "[*/*,kyverno,*] [Event,*,*]", "", "the same"},
		{"[Pod,shop,*]", "[*/*,kyverno,*]", "[Pod,shop,*]", "another namespace"},
		{"[Event]", "[Event,*,*]", "", "parts that are left out take everything"},
		{"[Event,*,*]", "[Event,kube-system,*]", "[Event,*,*]", "more than it was"},
	} {
		got := strings.Join(uncoveredFilters(configList("resourceFilters", test.list), configList("resourceFilters", test.by)), " ")
		if got != test.want {
			t.Errorf("%s: %s by %s leaves %q, want %q", test.reason, test.list, test.by, got, test.want)
		}
	}
}
