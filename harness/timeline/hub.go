package timeline

// A Hub is where the policies of a rehearsal came from, and how they came.
type Hub struct {
	Objects     string   `json:"objects"` // as asked: a folder, git:REV:path
	From        string   `json:"from,omitempty"`
	Distributor string   `json:"distributor"`        // whose behaviour the plan follows: KubeFleet v0.3.1
	Driver      string   `json:"driver"`             // builtin, or kubefleet: real agents
	Warnings    []string `json:"warnings,omitempty"` // of the plan
	Runs        []Run    `json:"runs,omitempty"`     // staged update runs at the end
	// Compared counts objects on members that were looked at after a stage, Agreed those
	// that are as planned.
	Compared    int          `json:"compared"`
	Agreed      int          `json:"agreed"`
	Differences []Difference `json:"differences,omitempty"`
}

// A Run is a staged update run as it stands at the end.
type Run struct {
	Name      string `json:"name"`
	Placement string `json:"placement"`
	State     string `json:"state"` // succeeded, failed, waiting, stopped, running
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
}

// A Difference is an object on a member that is not as planned.
type Difference struct {
	Stage   string `json:"stage"`
	Cluster string `json:"cluster"`
	Object  string `json:"object"` // Kind namespace/name
	Planned string `json:"planned"`
	Live    string `json:"live"`
}

// A Fault is something that went wrong on purpose.
type Fault struct {
	What     string   `json:"what"` // "kyverno stopped", "event: staging leaves"
	Clusters []string `json:"clusters,omitempty"`
	Stage    string   `json:"stage"`           // before or after which it happened: "before canary"
	At       Span     `json:"at"`              // since Started
	Took     Span     `json:"took"`            // until it was mended; negative: never
	Error    string   `json:"error,omitempty"` // why it could not be made to happen
}

// An Expected is what had to be true at the end.
type Expected struct {
	What  string `json:"what"`  // "ClusterPolicy require-team on production: in Audit"
	Found string `json:"found"` // "in Enforce"
	Holds bool   `json:"holds"`
	// Excuses says that the rehearsal's outcome is the expected one.
	Excuses bool `json:"excuses,omitempty"`
}
