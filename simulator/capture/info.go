package capture

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"time"
)

// Info summarises a capture.
type Info struct {
	Path       string        `json:"path"`
	Version    int           `json:"version"`
	Digest     string        `json:"digest"`
	SizeBytes  int64         `json:"sizeBytes"`
	PlainBytes int64         `json:"plainBytes"`
	Records    int64         `json:"records"`
	Clusters   []ClusterInfo `json:"clusters"`
	Skipped    []Skipped     `json:"skipped"`
}

// ClusterInfo summarises one cluster of a capture. Counts are of records.
type ClusterInfo struct {
	Cluster
	Records    int            `json:"records"`
	Kinds      []KindInfo     `json:"kinds"` // by number, most first
	From       *time.Time     `json:"from,omitempty"`
	To         *time.Time     `json:"to,omitempty"`
	Whole      int            `json:"completeRecords"`
	Missing    map[string]int `json:"missing"` // by part
	Live       int            `json:"live"`
	DryRun     int            `json:"dryRun"`
	Failed     int            `json:"failed"` // refused or failed when recorded
	Redacted   int            `json:"redacted"`
	Duplicates int            `json:"duplicates"` // CREATEs of an object that was created before
	World      map[string]int `json:"world"`      // objects that policies may look up, by kind
	Policies   []string       `json:"policies"`   // installed: Kind/[namespace/]name
	Registries *RegistryInfo  `json:"registries,omitempty"`
}

// RegistryInfo counts what image registries answered.
type RegistryInfo struct {
	Answers  int               `json:"answers"`
	Hosts    []string          `json:"hosts"`
	Bytes    int64             `json:"bytes"` // of bodies
	From     time.Time         `json:"from"`
	To       time.Time         `json:"to"`
	Failures map[string]string `json:"failures"` // why there is no answer, by URL
}

func registryInfo(answers []RegistryAnswer) *RegistryInfo {
	if len(answers) == 0 {
		return nil
	}
	info := &RegistryInfo{Hosts: []string{}, Failures: map[string]string{}, From: answers[0].Fetched}
	for _, a := range answers {
		if at, err := url.Parse(a.URL); err == nil && !slices.Contains(info.Hosts, at.Host) {
			info.Hosts = append(info.Hosts, at.Host)
		}
		if a.Fetched.Before(info.From) {
			info.From = a.Fetched
		}
		if a.Fetched.After(info.To) {
			info.To = a.Fetched
		}
		if a.Status == 0 {
			info.Failures[a.URL] = a.Failure
			continue
		}
		info.Answers++
		info.Bytes += int64(len(a.Body))
	}
	slices.Sort(info.Hosts)
	return info
}

// KindInfo counts the records of one kind and operation.
type KindInfo struct {
	APIVersion  string    `json:"apiVersion"`
	Kind        string    `json:"kind"`
	SubResource string    `json:"subResource,omitempty"`
	Operation   Operation `json:"operation"`
	Records     int       `json:"records"`
}

// Describe reads a capture through. isPolicy tells which kinds are policies.
func Describe(path string, isPolicy func(apiVersion, kind string) bool) (*Info, error) {
	c, err := Open(path)
	if err != nil {
		return nil, err
	}
	info := &Info{
		Path: path, Version: Version, Digest: c.End.Digest, SizeBytes: c.SizeBytes, PlainBytes: c.PlainSize,
		Records: c.End.Records, Skipped: c.Skipped, Clusters: []ClusterInfo{},
	}
	if info.Skipped == nil {
		info.Skipped = []Skipped{}
	}
	meters := map[string]*clusterMeter{}
	for _, cluster := range c.Clusters {
		meter := newClusterMeter(cluster, c.World(cluster.Name), isPolicy)
		answers, err := c.World(cluster.Name).RegistryAnswers()
		if err != nil {
			return nil, err
		}
		meter.Registries = registryInfo(answers)
		meters[cluster.Name] = meter
	}
	for r, err := range c.Records() {
		if err != nil {
			return nil, err
		}
		meters[r.Cluster].add(r)
	}
	for _, cluster := range c.Clusters {
		info.Clusters = append(info.Clusters, meters[cluster.Name].sum())
	}
	return info, nil
}

type clusterMeter struct {
	ClusterInfo
	kinds map[KindInfo]int
	seen  map[seenKey]bool
}

type seenKey struct{ resource, namespace, name string }

func newClusterMeter(c Cluster, w *World, isPolicy func(apiVersion, kind string) bool) *clusterMeter {
	m := &clusterMeter{ClusterInfo{Cluster: c, Missing: map[string]int{}, World: map[string]int{}, Policies: []string{}}, map[KindInfo]int{}, map[seenKey]bool{}}
	for gvr, objects := range w.objects {
		for name, o := range objects {
			h := headOf(o.Object)
			m.World[h.Kind]++
			if gvr.Resource == "" || !isPolicy(h.APIVersion, h.Kind) {
				continue
			}
			full := h.Kind + "/" + name.name
			if name.namespace != "" {
				full = h.Kind + "/" + name.namespace + "/" + name.name
			}
			m.Policies = append(m.Policies, full)
		}
	}
	slices.Sort(m.Policies)
	return m
}

func (m *clusterMeter) add(r *Record) {
	m.Records++
	m.kinds[KindInfo{r.Kind.APIVersion(), r.Kind.Kind, r.SubResource, r.Operation, 0}]++
	whole := true
	for _, part := range r.Missing {
		m.Missing[string(part)]++
		whole = whole && part == MissingUser
	}
	if whole {
		m.Whole++
	}
	if r.Live {
		m.Live++
	}
	if r.DryRun {
		m.DryRun++
	}
	if r.Response != nil && r.Response.Code >= 400 {
		m.Failed++
	}
	if r.Redacted {
		m.Redacted++
	}
	if key := (seenKey{r.Resource.Group + "/" + r.Resource.Resource, r.Namespace, r.Name}); r.Operation == Create && r.Time == nil && r.Name != "" {
		if m.seen[key] {
			m.Duplicates++
		}
		m.seen[key] = true
	}
	if t := r.Time; t != nil {
		if m.From == nil || t.Before(*m.From) {
			m.From = t
		}
		if m.To == nil || t.After(*m.To) {
			m.To = t
		}
	}
}

func (m *clusterMeter) sum() ClusterInfo {
	kinds := slices.SortedFunc(maps.Keys(m.kinds), func(a, b KindInfo) int {
		return cmp.Or(m.kinds[b]-m.kinds[a], cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIVersion, b.APIVersion),
			cmp.Compare(a.SubResource, b.SubResource), cmp.Compare(a.Operation, b.Operation))
	})
	for i := range kinds {
		kinds[i].Records = m.kinds[kinds[i]]
	}
	m.Kinds = kinds
	return m.ClusterInfo
}
