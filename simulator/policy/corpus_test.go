package policy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

// TestCorpus loads policy repositories of others where they are present, and checks that
// nothing is lost: every document is an object, passed over, or a named problem.
func TestCorpus(t *testing.T) {
	for _, test := range []struct {
		dir      string
		objects  int // at least
		problems int // at most
	}{
		{"../../../shared/corpus/policies/giantswarm", 5, 0},
		{"../../../shared/corpus/policies/kyverno-demos", 55, 30}, // demos reuse names, and v2alpha1
		{"../../../shared/corpus/policies/fluxcd-flux2-multi-tenancy", 2, 0},
		{"../../../shared/oracles/kyverno-policies", 150, 20}, // the -cel folders reuse names
	} {
		t.Run(test.dir, func(t *testing.T) {
			if _, err := os.Stat(test.dir); err != nil {
				t.Skipf("not on this machine: %v", err)
			}
			set, err := policy.Load(t.Context(), test.dir, policy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			kinds := map[string]int{}
			for _, o := range set.Objects {
				kinds[o.Kind]++
				if o.Line < 1 || o.Name == "" || !strings.Contains(o.YAML, o.Kind) || len(o.JSON) == 0 {
					t.Errorf("%s:%d: incomplete: %+v", o.File, o.Line, o)
				}
			}
			for _, p := range set.Problems {
				t.Logf("%s:%d %s %s", p.File, p.Line, p.Policy, p.Reason)
				if p.File == "" || p.Line < 1 || p.Reason == "" {
					t.Errorf("a problem without a place or reason: %+v", p)
				}
			}
			t.Logf("%d objects %v, %d others, %d ignored, %d problems", len(set.Objects), kinds, len(set.Others), len(set.Ignored), len(set.Problems))
			if len(set.Objects) < test.objects || len(set.Problems) > test.problems {
				t.Errorf("%d objects, want %d or more; %d problems, want %d or fewer", len(set.Objects), test.objects, len(set.Problems), test.problems)
			}
		})
	}
}
