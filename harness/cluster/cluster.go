// Package cluster says what seatrial needs of a cluster that it rehearses on, and
// what makes one. Start with [Provider] and [Cluster]; package clustertest holds
// the contract that every provider passes, embedded clusters and kind's alike.
//
// Ready means ready. A [Provider] returns a cluster when its API server answers,
// Kyverno's webhooks are registered, and Kyverno has answered a canary request
// through them; a status that says so is not enough.
package cluster

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/rest"
)

// ErrExists says that a cluster of that name is there already.
var ErrExists = errors.New("the cluster exists already")

// ErrNotFound says that there is no cluster of that name.
var ErrNotFound = errors.New("no such cluster")

// ErrUnsupported says that a provider cannot do what was asked, whatever the cluster.
var ErrUnsupported = errors.New("the provider cannot do this")

// A Spec says what a cluster is to be. The zero value but for Name is a cluster
// of the provider's own Kubernetes version with Kyverno's admission controller.
type Spec struct {
	Name              string            // DNS label, unique in its fleet
	Labels            map[string]string // the member's labels, which placements select by
	KubernetesVersion string            // v1.36.3; empty: the provider's own
	Components        []Component       // besides the API server; nil: Kyverno's admission controller
	Nodes             int               // nodes that Kwok plays; 0: DefaultNodes where Kwok is a component, else none
	Provider          string            `json:",omitempty"` // what makes it, in a fleet of several kinds; empty: the fleet's provider
	Kind              KindSpec          `json:",omitzero"`  // what a kind cluster has besides
	Context           string            `json:",omitempty"` // kubeconfig context of a cluster that exists already; empty: the name
}

// A KindSpec says what a kind cluster has that an embedded one cannot. The zero value is one node
// of the machine's own node image, with Kyverno as processes of the host.
type KindSpec struct {
	NodeImage      string          `json:",omitempty"` // empty: the one that seatrial built, or kind's own
	Workers        int             `json:",omitempty"` // nodes besides the control plane's; 0: pods run there
	FeatureGates   map[string]bool `json:",omitempty"`
	KubeadmPatches []string        `json:",omitempty"` // merge patches of kubeadm's configuration, as YAML
	InCluster      bool            `json:",omitempty"` // Kyverno runs in pods instead of on the host
	Manifest       string          `json:",omitempty"` // file to install such a Kyverno from; empty: the release's
	Archives       []string        `json:",omitempty"` // files of docker save, loaded into every node
	Pulled         bool            `json:",omitempty"` // workloads run their own images, which nodes pull; else they are played
}

// DefaultNodes is how many nodes a cluster with Kwok has unless told.
const DefaultNodes = 3

// A Component is a part of a cluster that can be stopped and started by itself.
type Component string

// The components.
const (
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
	Kwok              Component = "kwok" // plays nodes, whose pods run at once and finish when a Job owns them
	Kyverno           Component = "kyverno"
	KyvernoBackground Component = "kyverno-background-controller"
	KyvernoReports    Component = "kyverno-reports-controller"
	KyvernoCleanup    Component = "kyverno-cleanup-controller"
)

// Has says whether a cluster of this spec runs c.
func (s Spec) Has(c Component) bool {
	if c == APIServer {
		return true
	}
	for _, has := range s.Parts() {
		if has == c {
			return true
		}
	}
	return false
}

// Parts is what runs besides the API server.
func (s Spec) Parts() []Component {
	if s.Components == nil {
		return []Component{Kyverno}
	}
	return s.Components
}

// NodeCount is how many nodes the cluster has.
func (s Spec) NodeCount() int {
	if s.Nodes == 0 && s.Has(Kwok) {
		return DefaultNodes
	}
	return s.Nodes
}

// A Provider makes and removes clusters. Its methods may be called concurrently
// for clusters of different names.
type Provider interface {
	// Kind is what users call the provider: embedded, kind.
	Kind() string
	// Create makes a cluster and returns when it is ready. On an error nothing
	// of the cluster is left.
	Create(ctx context.Context, spec Spec) (Cluster, error)
	// Open returns a cluster made earlier, in this process or another.
	Open(ctx context.Context, name string) (Cluster, error)
	// List names the clusters there are, sorted, those that are half made or
	// dead included.
	List(ctx context.Context) ([]string, error)
	// Delete stops everything that belongs to a cluster and removes its state.
	// A cluster that is not there is no error.
	Delete(ctx context.Context, name string) error
	// Close stops what clusters share once no cluster is left. Clusters go on.
	Close(ctx context.Context) error
}

// A Cluster is a Kubernetes cluster with Kyverno.
type Cluster interface {
	Name() string
	Spec() Spec
	// REST is how to reach the cluster as its administrator, who may impersonate
	// anybody. The caller may change the copy it gets.
	REST() *rest.Config
	// Kubeconfig is the same as a file's content, with one context of the cluster's name.
	Kubeconfig() ([]byte, error)
	// Stop ends a component as a crash does, at once and without a goodbye.
	Stop(ctx context.Context, c Component) error
	// Start starts a stopped component and returns when it answers again.
	Start(ctx context.Context, c Component) error
	// Status says how each component is.
	Status(ctx context.Context) Status
	// Logs is the end of what a component wrote, at most the last bytes given.
	Logs(c Component, bytes int64) ([]byte, error)
}

// A WorkloadPlayer is a cluster whose nodes run pods, and can run them without their images: what
// a container would run is played by a program that answers its probes, or ends where an init
// container or a Job's would. The images are those of the workloads to come.
type WorkloadPlayer interface {
	PlayWorkloads(ctx context.Context, images []string) error
}

// A PodHost is a cluster whose nodes run pods that are no workloads of the captured world.
type PodHost interface {
	// LoadArchive gives every node the images of an archive, a file of docker save.
	LoadArchive(ctx context.Context, path string) error
	// Host lets the pods of a namespace run what they are, of these images, also where
	// workloads are played.
	Host(ctx context.Context, namespace string, images []string) error
}

// A Status is how a cluster is at one moment.
type Status struct {
	Name       string      `json:"name"`
	Ready      bool        `json:"ready"` // the API server answers and so does Kyverno's admission
	Components []Component `json:"-"`
	Parts      []Part      `json:"components"`
}

// A Part is how one component is.
type Part struct {
	Component Component     `json:"component"`
	Running   bool          `json:"running"`
	PID       int           `json:"pid,omitempty"` // where it is a process of this machine
	Address   string        `json:"address,omitempty"`
	Memory    int64         `json:"memory,omitempty"` // resident bytes
	CPU       time.Duration `json:"cpu,omitempty"`    // used since it started
	Error     string        `json:"error,omitempty"`  // why it is not running, or does not answer
}
