package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// passedOver are the notes about what a policy set does not take of its files.
func passedOver(set *policy.Set) (notes []string) {
	var suites, kustomizations, left []string
	tested, others := 0, 0
	for _, p := range set.Ignored {
		suite, tests := strings.CutPrefix(p.Reason, policy.OfSuite)
		switch {
		case tests:
			suites = append(suites, suite)
			tested++
		case p.Reason == policy.NotTaken:
			left = append(left, p.File)
		case p.IsKustomization():
			kustomizations = append(kustomizations, p.File)
		default:
			others++
		}
	}
	if set.Kustomization != "" {
		note := fmt.Sprintf("%s was read as kustomize builds it, by its %s", set.Source, set.Kustomization)
		if len(left) > 0 {
			note += ", which does not take " + few(left)
		}
		notes = append(notes, note)
	}
	if len(kustomizations) > 0 {
		notes = append(notes, fmt.Sprintf("%s: the files beside %s were read as they are, without its patches, generators and prefixes; name that folder, and it is read as kustomize builds it", set.Source, few(kustomizations)))
	}
	if tested > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s of %s, which nobody installs", set.Source, counted(tested, "document was passed over: it is part", "documents were passed over: they are part"), few(suites)))
	}
	if others > 0 {
		notes = append(notes, fmt.Sprintf("%s: %s passed over", set.Source, counted(others, "document is no Kubernetes object and was", "documents are no Kubernetes objects and were")))
	}
	return notes
}

// unplaced are the notes about objects whose namespace nobody named.
func unplaced(clusters []capture.Cluster) (notes []string) {
	for _, c := range clusters {
		if c.Unplaced > 0 {
			notes = append(notes, fmt.Sprintf("cluster %s: %s judged in default; capture manifests --namespace names another, as in kubectl",
				c.Name, counted(c.Unplaced, "namespaced object of the manifests names no namespace and was", "namespaced objects of the manifests name no namespace and were")))
		}
	}
	return notes
}

// few lists up to three names, once each, and says how many more there are.
func few(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}
