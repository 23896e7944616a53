package suite

import (
	"fmt"
	"strings"
)

// name is a resource as a result names it. Empty fields are any.
type name struct {
	apiVersion, kind, namespace, name string
	anyGroup                          bool // apiVersion is a version of any group
}

func (n name) String() string {
	if n.namespace == "" {
		return n.name
	}
	return n.namespace + "/" + n.name
}

// names lists the resources of an entry; an entry that names none means all of them.
func (e *Expected) names() []name {
	var all []name
	for _, r := range e.Resources {
		n := name{name: r}
		if namespace, rest, ok := strings.Cut(r, "/"); ok && !strings.Contains(rest, "/") {
			n.namespace, n.name = namespace, rest
		}
		all = append(all, n)
	}
	for _, r := range e.ResourceSpecs {
		version := r.Version
		if r.Group != "" {
			version = r.Group + "/" + version
		}
		all = append(all, name{apiVersion: version, kind: r.Kind, namespace: r.Namespace, name: r.Name})
	}
	if len(all) == 0 {
		all = append(all, name{})
	}
	return all
}

// of is the name with the kind of its entry, which may be written as in policies: "v1/Pod".
func (n name) of(kind string) name {
	if at := strings.LastIndex(kind, "/"); at >= 0 {
		if n.apiVersion == "" {
			n.apiVersion, n.anyGroup = kind[:at], !strings.Contains(kind[:at], "/")
		}
		kind = kind[at+1:]
	}
	n.kind = kind
	return n
}

func (n name) matches(h head) bool {
	return (n.name == "" || n.name == h.name) && (n.namespace == "" || n.namespace == h.namespace) &&
		(n.apiVersion == "" || n.apiVersion == h.apiVersion || n.anyGroup && strings.HasSuffix(h.apiVersion, "/"+n.apiVersion)) &&
		(n.kind == "" || strings.EqualFold(n.kind, h.kind) || h.kind == "")
}

// absent says that no resource has a name, and whether one of another kind has.
func (t *trial) absent(e *Expected, n name) string {
	const reason = "the suite has no such resource"
	other := name{namespace: n.namespace, name: n.name}
	for _, s := range t.said[e.Operation] {
		if h := s.resource.head; n.name != "" && n.kind != "" && other.matches(h) {
			return fmt.Sprintf("%s: %s is a %s %s", reason, n, h.apiVersion, h.kind)
		}
	}
	return reason
}
