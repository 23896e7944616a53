package scenarios

import (
	"fmt"
	"os"
	"slices"
)

// A Kind says what clusters of the provider kind have that embedded ones cannot.
type Kind struct {
	// NodeImage is the image of the nodes, which decides the version of Kubernetes. Default:
	// the one that seatrial fleet node-image built, or the one that kind was released with.
	NodeImage string `yaml:"nodeImage,omitempty" json:"nodeImage,omitempty"`
	// Workers is how many nodes there are besides the control plane's; with none pods run there.
	Workers      int             `yaml:"workers,omitempty" json:"workers,omitempty"`
	FeatureGates map[string]bool `yaml:"featureGates,omitempty" json:"featureGates,omitempty"`
	// KubeadmPatches are merge patches of kubeadm's configuration, each a YAML text.
	KubeadmPatches []string `yaml:"kubeadmPatches,omitempty" json:"kubeadmPatches,omitempty"`
	// Kyverno is where it runs: host (default), as processes beside the cluster, or cluster, in
	// pods, as users install it.
	Kyverno string `yaml:"kyverno,omitempty" json:"kyverno,omitempty"`
	// Manifest is a file to install Kyverno from when it runs in pods. Default: the release's.
	Manifest string `yaml:"manifest,omitempty" json:"manifest,omitempty"`
	// Images are archives, as docker save writes them, that are loaded into every node.
	Images []string `yaml:"images,omitempty" json:"images,omitempty"`
	// Workloads is what the pods of a captured world run: played (default), a program that answers
	// their probes, or pulled, their own images.
	Workloads string `yaml:"workloads,omitempty" json:"workloads,omitempty"`
}

// Pulled is the value of [Kind.Workloads] by which pods run their own images.
const Pulled = "pulled"

// The providers, and where Kyverno runs on a kind cluster.
var (
	providers = []string{"embedded", "kind", "existing"}
	places    = []string{"host", "cluster"}
	plays     = []string{"played", Pulled}
)

// MaxWorkers bounds a cluster on one machine.
const MaxWorkers = 20

// provider checks what makes a cluster: of the fleet, or of one.
func (c *checker) provider(path, name string, k *Kind) {
	if name != "" {
		c.oneOf(path+".provider", name, providers...)
	}
	if k == nil {
		return
	}
	path += ".kind"
	if k.Workers < 0 || k.Workers > MaxWorkers {
		c.Fault(path+".workers", "%d, want 0 to %d", k.Workers, MaxWorkers)
	}
	if k.Kyverno != "" {
		c.oneOf(path+".kyverno", k.Kyverno, places...)
	}
	if k.Workloads != "" {
		c.oneOf(path+".workloads", k.Workloads, plays...)
	}
	if k.Manifest != "" && k.Kyverno != "cluster" {
		c.Fault(path+".manifest", "is for a Kyverno that runs in pods: add kyverno: cluster")
	}
}

// kinds checks that what kind clusters have is not said of others, where it would mean nothing.
// Without a provider it may be kind, by a flag.
func (c *checker) kinds(path string, f FleetSpec) {
	other := func(cl Cluster) bool { return slices.Contains([]string{"embedded", "existing"}, f.providerOf(cl)) }
	may := !other(Cluster{})
	if len(f.Clusters) > 0 {
		may = slices.ContainsFunc(f.Clusters, func(cl Cluster) bool { return !other(cl) })
	}
	if f.Kind != nil && !may {
		c.Fault(path+".kind", "is of kind clusters, and there is none: leave it out, or say provider: kind")
	}
	for i, cl := range f.Clusters {
		if cl.Kind != nil && other(cl) {
			c.Fault(fmt.Sprintf("%s.clusters[%d].kind", path, i), "is of kind clusters, and this one is %s: leave it out, or say provider: kind", f.providerOf(cl))
		}
	}
}

// CheckFiles says which file of a kind cluster is not there, before it is needed. Paths are
// relative to where the program runs.
func (cl Cluster) CheckFiles() error {
	if cl.Kind == nil || cl.Provider != "" && cl.Provider != "kind" {
		return nil
	}
	if err := cl.checkFile("manifest", cl.Kind.Manifest); cl.Kind.Manifest != "" && err != nil {
		return err
	}
	for _, path := range cl.Kind.Images {
		if err := cl.checkFile("images", path); err != nil {
			return err
		}
	}
	return nil
}

func (cl Cluster) checkFile(field, path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		return fmt.Errorf("%w: cluster %s: kind.%s: %w (hint: paths are relative to the folder you are in)", ErrInvalid, cl.Name, field, err)
	}
	return nil
}

// existing checks clusters that were there before: each is meant, and allowed.
func (c *checker) existing(path string, f FleetSpec) {
	for i, cl := range f.Clusters {
		at := fmt.Sprintf("%s.clusters[%d]", path, i)
		is := f.providerOf(cl) == "existing"
		if cl.Context != "" && !is {
			c.Fault(at+".context", "is of a cluster that exists already: add provider: existing")
		}
		if is && !f.AllowExisting {
			c.Fault(at+".provider", "a cluster that exists already may be somebody's production: say allowExisting: true if it may be rehearsed on")
		}
		if is && len(cl.Components) > 0 {
			c.Fault(at+".components", "a cluster that exists already runs what it runs: leave it out")
		}
	}
	if f.Provider == "existing" && len(f.Clusters) == 0 {
		c.Fault(path+".provider", "list the clusters: contexts of the kubeconfig by name")
	}
}

func (f FleetSpec) providerOf(cl Cluster) string {
	if cl.Provider != "" {
		return cl.Provider
	}
	return f.Provider
}

// HasExisting says whether a cluster of the fleet was there before.
func (f FleetSpec) HasExisting() bool {
	return slices.ContainsFunc(f.Clusters, func(cl Cluster) bool { return f.providerOf(cl) == "existing" })
}
