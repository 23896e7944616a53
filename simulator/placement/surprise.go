package placement

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/seatrial/seatrial/simulator/policy"
)

func (s *selector) note(code, text, fix string) {
	s.notes = append(s.notes, s.p.warning(code, text, fix))
}

func (p *placement) warning(code, text, fix string) Warning {
	ref := ObjectRef{Kind: p.kind, Namespace: p.Namespace, Name: p.Name}
	return Warning{Code: code, File: p.file, Line: p.line, Object: ref.String(), Text: text, Fix: fix}
}

// selectorWarnings say where a placement's selectors mean something else than they seem to.
func (h *Hub) selectorWarnings(p *placement) []Warning {
	var out []Warning
	for _, s := range p.spec.ResourceSelectors {
		kind := h.kinds[groupKind{s.Group, s.Kind}]
		switch {
		case kind == nil && h.kinds.mapped(s) == nil:
			out = append(out, p.warning("kind-unknown",
				fmt.Sprintf("whether the hub serves %s %s is not known: its CustomResourceDefinition is not among the hub's objects. Without it, KubeFleet refuses the selector", apiVersion(s.Group, s.Version), s.Kind), ""))
		case kind != nil && slices.Contains(kind.versions, s.Version) && s.Version != kind.versions[0]:
			out = append(out, p.warning("selector-version",
				fmt.Sprintf("version %s is not the one that hubs prefer for %s: KubeFleet watches only %s, so the selector never takes anything", s.Version, s.Kind, kind.versions[0]),
				fmt.Sprintf("select {group: %q, version: %s, kind: %s}", s.Group, kind.versions[0], s.Kind)))
		}
	}
	return out
}

// warnNothing says that a selector takes nothing: KubeFleet does not mention it.
func (s *selector) warnNothing(one resourceSelector, namespace string) {
	what := fmt.Sprintf("%s %s", apiVersion(one.Group, one.Version), one.Kind)
	where := "the hub"
	if namespace != "" {
		where = "namespace " + namespace + " of the hub"
	}
	switch {
	case one.Name != "":
		s.note("selected-missing", fmt.Sprintf("%s %q is not on %s: KubeFleet passes over it in silence", what, one.Name, where), "")
	case one.LabelSelector != nil:
		s.note("selected-nothing", fmt.Sprintf("no %s on %s has the labels of the selector", what, where), "")
	default:
		s.note("selected-nothing", fmt.Sprintf("there is no %s on %s", what, where), "")
	}
}

// warnWrapped finds cluster-scoped policies that seem to go along with a namespace that the
// placement selects: they claim to live in it, or lie beside it. They do not.
func (s *selector) warnWrapped() {
	if s.p.Namespace != "" {
		return
	}
	wrappers := map[string]string{} // the folder of each namespace that is selected as a whole
	for _, o := range s.objects {
		if isNamespace(&o) {
			wrappers[o.Name] = folderOf(&o)
		}
	}
	if len(wrappers) == 0 {
		return
	}
	for _, o := range s.hub.Objects {
		kind := s.hub.kinds[groupKindOf(&o)]
		if kind == nil || kind.namespaced || !policy.IsPolicyKind(o.APIVersion, o.Kind) || s.taken[refOf(new(s.hub.read(o, "")))] {
			continue
		}
		namespace, reason := s.wrapped(&o, wrappers)
		if reason == "" {
			continue
		}
		group, _ := groupVersion(o.APIVersion)
		s.note("namespace-does-not-take",
			fmt.Sprintf("selecting Namespace %q does not take %s %q, which %s: %s is cluster-scoped and needs a selector of its own", namespace, o.Kind, o.Name, reason, o.Kind),
			fmt.Sprintf("add to spec.resourceSelectors: {group: %s, version: %s, kind: %s, name: %s}", group, kind.versions[0], o.Kind, o.Name))
	}
}

// wrapped says which selected namespace a cluster-scoped policy seems to live in, and why.
func (s *selector) wrapped(o *policy.Object, wrappers map[string]string) (namespace, reason string) {
	if claim := s.hub.claims[refOf(o).key()]; claim != "" {
		if _, ok := wrappers[claim]; ok {
			return claim, "names it in metadata.namespace"
		}
		return "", ""
	}
	if s.hub.placedByName(o) {
		return "", ""
	}
	names := make([]string, 0, len(wrappers))
	for name := range wrappers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if folder := wrappers[name]; folder != "" && folder == folderOf(o) {
			return name, "lies in the same folder"
		}
	}
	return "", ""
}

// folderOf is the folder of the object's file; "" for objects of no file and of the top.
func folderOf(o *policy.Object) string {
	if folder := path.Dir(o.File); folder != "." {
		return folder
	}
	return ""
}

// placedByName tells whether any placement selects an object of a cluster-scoped kind.
func (h *Hub) placedByName(o *policy.Object) bool {
	gk := groupKindOf(o)
	for _, p := range h.placements {
		for _, s := range p.spec.ResourceSelectors {
			if (groupKind{s.Group, s.Kind}) != gk || s.Name != "" && s.Name != o.Name {
				continue
			}
			wanted, err := labelsOf(s)
			if err == nil && wanted.Matches(labels.Set(headOf(o).Metadata.Labels)) {
				return true
			}
		}
	}
	return false
}

var reportKinds = []groupKind{
	{"wgpolicyk8s.io", "PolicyReport"}, {"openreports.io", "Report"}, {"reports.kyverno.io", "EphemeralReport"}, {"kyverno.io", "UpdateRequest"},
}

// warnReports says that what Kyverno wrote about the hub goes to the members.
func (s *selector) warnReports() {
	var names []string
	for _, o := range s.objects {
		if slices.Contains(reportKinds, groupKindOf(&o)) {
			names = append(names, refOf(&o).String())
		}
	}
	if len(names) > 0 {
		s.note("reports-taken",
			fmt.Sprintf("the selected namespace takes what Kyverno wrote about the hub itself to the members: %s", strings.Join(names, ", ")),
			"select the Namespace with selectionScope: NamespaceOnly, or start the hub agent with --skipped-propagating-apis")
	}
}
