package capture

import (
	"encoding/json"
	"fmt"
	"time"
)

// APIVersion, Kind and Version identify the capture format. Version counts
// incompatible changes of the stream; see FORMAT.md.
const (
	APIVersion = "seatrial.dev/v1alpha1"
	Kind       = "Capture"
	Version    = 1
)

// Operation is the admission operation of a record, as in admission.k8s.io/v1.
type Operation string

// The four admission operations.
const (
	Create  Operation = "CREATE"
	Update  Operation = "UPDATE"
	Delete  Operation = "DELETE"
	Connect Operation = "CONNECT"
)

// GVK names a kind. Group is empty for the core group.
type GVK struct {
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// APIVersion returns the group and version as manifests write them: "v1", "apps/v1".
func (k GVK) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// GVR names a resource as the API server addresses it ("deployments", not "Deployment").
type GVR struct {
	Group    string `json:"group,omitempty"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}

// User is who sent a request. The zero User means that nobody knows.
type User struct {
	Username string              `json:"username,omitempty"`
	UID      string              `json:"uid,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
}

// Owner is the root owner of an object: the workload that people deploy.
type Owner struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
}

// Origin says where a record came from.
type Origin struct {
	Source string `json:"source"`         // "manifests", "helm", "kustomize", "velero", "audit", "cluster", "registry"
	File   string `json:"file,omitempty"` // as given on the command line, slashes; of what was rendered, what it was made of
	Line   int    `json:"line,omitempty"` // first line of the document, from 1; 0 where the file has none for it
	ID     string `json:"id,omitempty"`   // audit ID
}

// Response is what the API server answered when the request was recorded.
type Response struct {
	Code    int    `json:"code"` // HTTP status
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Missing names a part of a request that the source did not hold.
type Missing string

// The parts of a request that may be missing.
const (
	MissingObject    Missing = "object"    // no body: the level of the audit policy was too low
	MissingOldObject Missing = "oldObject" // an UPDATE or DELETE whose earlier state was never seen
	MissingUser      Missing = "user"      // manifests do not say who applies them
	MissingKind      Missing = "kind"      // the kind was inferred from the resource's name
	// MissingStored says that OldObject is what a client sent, not what was stored. The server's own additions
	// can be told, those of webhooks cannot.
	MissingStored Missing = "storedOldObject"
	// MissingSent says that Object is what a request was answered, not what the first webhook saw: what the
	// policies then in force made of it is in it.
	MissingSent Missing = "sentObject"
)

// Hidden stands where a secret value was; HiddenBase64 where the field is base64.
const (
	Hidden       = "REDACTED"
	HiddenBase64 = "UkVEQUNURUQ="
)

// Record is one admission request as the API server would send it, and the unit of
// everything: verdicts, diffs and blast radius count records.
//
// Object is the object as sent (CREATE, UPDATE, CONNECT's options), OldObject the
// stored one (UPDATE, DELETE). Left is what was stored after it. Either is nil when it does not apply or is [Missing].
type Record struct {
	Cluster     string          `json:"cluster"`
	Seq         int64           `json:"seq"` // position in the file, from 0, without gaps; the writer sets it
	Time        *time.Time      `json:"time,omitempty"`
	Operation   Operation       `json:"operation"`
	Kind        GVK             `json:"kind"`
	Resource    GVR             `json:"resource"`
	SubResource string          `json:"subResource,omitempty"` // "scale", "status", "exec", …
	Namespace   string          `json:"namespace,omitempty"`   // empty for cluster-scoped objects
	Name        string          `json:"name,omitempty"`        // empty on CREATE with generateName
	User        User            `json:"user,omitzero"`
	Collection  bool            `json:"collection,omitempty"` // of a DELETE: a collection was deleted, the request names no object
	DryRun      bool            `json:"dryRun,omitempty"`
	Object      json.RawMessage `json:"object,omitempty"`
	OldObject   json.RawMessage `json:"oldObject,omitempty"`
	Options     json.RawMessage `json:"options,omitempty"`
	Left        json.RawMessage `json:"left,omitempty"` // of the object, where the others do not say: null: nothing; {}: nobody knows
	Origin      Origin          `json:"origin"`
	Live        bool            `json:"live,omitempty"`     // carries what only an API server sets: it ran
	Owner       *Owner          `json:"owner,omitempty"`    // root owner; nil when the object is its own
	Missing     []Missing       `json:"missing,omitempty"`  // sorted; empty means complete
	Redacted    bool            `json:"redacted,omitempty"` // values were replaced at capture time (Secrets)
	Response    *Response       `json:"response,omitempty"` // nil when the source does not record answers
	// TemplateOf is the workload from whose template the record was made: a pod that nobody sent.
	// Such records are never written.
	TemplateOf *Record `json:"-"`
	// Again says that the record is an object that stands, written again as it is: an update that
	// nobody sent. Such records are never written.
	Again bool `json:"-"`
	// Standing says that the object of a creation is in the cluster already, as comparisons with a
	// cluster have it of kinds that others need. Nor is this ever written.
	Standing bool `json:"-"`
}

// Derived tells whether nobody sent the record: it says what would become of another.
func (r *Record) Derived() bool { return r.TemplateOf != nil || r.Again }

// Answered tells whether an API server has answered with the record's object: it has been through
// all that the API server does. An audit log holds objects as they were before.
func (r *Record) Answered() bool { return r.Live && r.Origin.Source != "audit" }

// Lacks tells whether part is missing from the record.
func (r *Record) Lacks(part Missing) bool {
	for _, m := range r.Missing {
		if m == part {
			return true
		}
	}
	return false
}

// Cluster describes one cluster of a capture. It precedes its world and records.
type Cluster struct {
	Name          string            `json:"name"`
	Labels        map[string]string `json:"labels,omitempty"`
	Source        string            `json:"source"`                  // "manifests", "helm", "kustomize", "velero", "audit", "cluster"
	ServerVersion string            `json:"serverVersion,omitempty"` // "v1.36.3"
	// Complete says that what the world does not hold did not exist in the cluster.
	// Otherwise an object that is not found is unknown, and what depends on it undecided.
	Complete bool `json:"complete,omitempty"`
	// Listed says the same of single resources: the capture holds all of their objects.
	Listed []Listed `json:"listed,omitempty"`
	// Unplaced counts the namespaced objects of manifests that name no namespace, and got "default".
	Unplaced int `json:"unplaced,omitempty"`
	// Named says of resources that records name every object, though not what is in it: Secrets.
	Named []Listed `json:"named,omitempty"`
}

// Listed is a resource whose objects a capture holds all of: in the whole cluster, or in
// Namespaces only.
type Listed struct {
	Group      string   `json:"group,omitempty"`
	Resource   string   `json:"resource"`
	Namespaces []string `json:"namespaces,omitempty"`
}

// WorldObject is an object that policies may look up: Namespaces, RBAC, ConfigMaps,
// CRDs, installed policies and exceptions. Secrets appear with their values replaced.
type WorldObject struct {
	Cluster string          `json:"cluster"`
	Object  json.RawMessage `json:"object"`
	Origin  Origin          `json:"origin"`
	at      int64           // the record that comes next in the file
}

// Skipped is a piece of input that could not be read. It is counted and shown, never lost.
type Skipped struct {
	Cluster string `json:"cluster"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Reason  string `json:"reason"`
}

// Place is where the piece is, in words.
func (s *Skipped) Place() string {
	if s.Line > 0 {
		return fmt.Sprintf("%s:%d", s.File, s.Line)
	}
	return s.File
}

// Header is the first line of a capture.
type Header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    int    `json:"version"`
}

// End is the last line. A capture without it is truncated.
type End struct {
	Records int64  `json:"records"`
	World   int64  `json:"world"`
	Skipped int64  `json:"skipped"`
	Digest  string `json:"digest"` // "sha256:…" over every uncompressed line before this one
}
