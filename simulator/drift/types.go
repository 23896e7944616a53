package drift

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/placement"
	"github.com/seatrial/seatrial/simulator/policy"
)

// Kind is a kind of finding.
type Kind string

// The kinds, worst first: an object with several findings is shown by the first of them.
const (
	Missing           Kind = "missing"            // intended, not installed
	Weakened          Kind = "weakened"           // refuses less than intended
	LeftBehind        Kind = "left-behind"        // came from the hub, which does not intend it any more
	Extra             Kind = "extra"              // installed, not from the hub: added by hand
	ExceptionUnknown  Kind = "exception-unknown"  // an exception of the member's own
	ExceptionExpired  Kind = "exception-expired"  // its time is over, and it is still there
	OtherVersion      Kind = "other-version"      // differs in a way of which the effect is not known
	Strengthened      Kind = "strengthened"       // refuses more than intended
	ExceptionWide     Kind = "exception-wide"     // names what no request of the capture needed it for
	ExceptionNeedless Kind = "exception-needless" // was used, by requests that would have passed without it
	ExceptionUnused   Kind = "exception-unused"   // applied to no request of the capture
)

// Kinds lists the kinds, worst first.
func Kinds() []Kind {
	return []Kind{Missing, Weakened, LeftBehind, Extra, ExceptionUnknown, ExceptionExpired, OtherVersion, Strengthened,
		ExceptionWide, ExceptionNeedless, ExceptionUnused}
}

// State is what became of one object in one cluster: the kind of its worst finding, or one of these.
type State = Kind

// The states without a finding.
const (
	InSync       Kind = "in-sync"
	NotEvaluated Kind = "not-evaluated"
)

// A Question is what a fleet should hold, and what it holds.
type Question struct {
	At       time.Time // the clock by which exceptions expire
	Clusters []Cluster
	// Hub are all objects of the hub, wherever they are placed.
	Hub []policy.Object
	// Normalise gives an object the defaults of its definition, so that what is installed
	// and what is written compare. Nil leaves objects as they are.
	Normalise func(policy.Object) policy.Object
	// Config is Kyverno's ConfigMap as its release has it: what a member's is compared with
	// where the hub places none. Nil compares with nothing.
	Config *policy.Object
}

// A Cluster is a member of the fleet.
type Cluster struct {
	Name     string
	Labels   map[string]string
	Intended []placement.Delivered
	World    *capture.World // nil: the cluster is not in the capture
	Traffic  *Traffic       // nil: the capture's requests were not replayed
}

// A Ref names an object. The API version does not matter, its group does.
type Ref struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// RefOf is an object's name.
func RefOf(o *policy.Object) Ref {
	group, _, grouped := strings.Cut(o.APIVersion, "/")
	if !grouped {
		group = ""
	}
	return Ref{group, o.Kind, o.Namespace, o.Name}
}

// String is "ClusterPolicy/require-labels", "PolicyException/team-a/legacy".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// Compare orders names: policies before exceptions before the rest, then by kind, namespace, name.
func (r Ref) Compare(q Ref) int {
	return cmp.Or(cmp.Compare(r.rank(), q.rank()), cmp.Compare(r.Kind, q.Kind), cmp.Compare(r.Namespace, q.Namespace),
		cmp.Compare(r.Name, q.Name), cmp.Compare(r.Group, q.Group))
}

func (r Ref) rank() int {
	switch {
	case r.IsException():
		return 1
	case strings.HasSuffix(r.Kind, "Policy"):
		return 0
	}
	return 2
}

// IsException tells whether the object is an exception from policies, of either API.
func (r Ref) IsException() bool { return r.Kind == "PolicyException" }

// A Result is the comparison of a fleet.
type Result struct {
	Clusters []ClusterResult // by name
}

// A ClusterResult is the comparison of one cluster.
type ClusterResult struct {
	Name     string
	Labels   map[string]string
	Captured bool
	Requests int // that were replayed; -1: none was
	Objects  []Object
}

// An Object is one object that the hub intends for a cluster, or that is installed there.
type Object struct {
	Ref        Ref
	State      State
	Reason     string   // of NotEvaluated
	Placement  string   // that brings it; empty: none does
	Overrides  []string // whose patches it gets
	Stale      string   // why the hub does not bring its latest version
	Findings   []Finding
	Exception  *Exception // nil: it is none
	Unverified string     // what could not be told of it beyond its state
}

// A Finding is one way in which an object is not as intended.
type Finding struct {
	Kind        Kind         `json:"kind"`
	Cluster     string       `json:"cluster"`
	Object      Ref          `json:"object"`
	Text        string       `json:"text"`                  // one sentence without its full stop
	Fix         string       `json:"fix,omitempty"`         // what to do about it
	Differences []Difference `json:"differences,omitempty"` // of Weakened, Strengthened and OtherVersion
}

// A Difference is one field that is not as intended.
type Difference struct {
	Path      string          `json:"path"`                // "spec.rules[name=check].validate.failureAction"
	Intended  json.RawMessage `json:"intended,omitempty"`  // absent: the hub does not have the field
	Installed json.RawMessage `json:"installed,omitempty"` // absent: the member does not have it
	Why       string          `json:"why,omitempty"`       // what it means, where that can be told
}
