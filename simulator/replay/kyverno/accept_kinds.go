package kyverno

import (
	"encoding/json"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// misses remembers that the policy that is being asked about names a kind that is not known.
func (a *acceptance) misses(kind string) {
	if key := a.asking.policy; !strings.Contains(kind, "{{") && !slices.Contains(a.unknown[key], kind) {
		a.unknown[key] = append(a.unknown[key], kind)
	}
}

// askResources looks up the resources that a policy written in CEL names, and what runs pods.
func (a *acceptance) askResources(o policy.Object, known *capture.Resources) {
	name, key := keysOf(o)
	if _, ok := a.unknown[key]; ok || o.Digest == a.installed[name].Digest {
		return
	}
	a.asking, a.unknown[key] = question{policy: key}, nil
	var p struct {
		Spec struct {
			MatchConstraints admissionregistrationv1.MatchResources
		}
	}
	_ = json.Unmarshal(o.JSON, &p) // it is decoded in full elsewhere
	for _, rule := range p.Spec.MatchConstraints.ResourceRules {
		for _, resource := range rule.Resources {
			resource, _, _ = strings.Cut(resource, "/")
			if resource != "*" && !serves(known, rule.Rule, resource) {
				a.misses(resource)
			}
		}
	}
	for _, name := range controllersOf(o) {
		if !isBare(name) {
			continue
		}
		if _, ok := resourceNamed(known, name); !ok {
			a.misses(name)
		}
	}
}

// serves tells whether a resource is known in one of the groups and versions of a rule.
func serves(known *capture.Resources, rule admissionregistrationv1.Rule, resource string) bool {
	names := func(all []string, one string) bool { return slices.Contains(all, "*") || slices.Contains(all, one) }
	found := false
	known.Each(func(_ capture.GVK, gvr capture.GVR, _ bool) {
		found = found || gvr.Resource == resource && names(rule.APIGroups, gvr.Group) && names(rule.APIVersions, gvr.Version)
	})
	return found
}

// misnamed says which policies of a set name kinds that are not known: most are misspelt, and
// rules about them match nothing.
func (a *acceptance) misnamed(set *policy.Set) string {
	var named []string
	makes := false
	for _, o := range set.Objects {
		if _, key := keysOf(o); a.asked[key] == nil && len(a.unknown[key]) > 0 {
			kinds := slices.Sorted(slices.Values(a.unknown[key]))
			makes = makes || makesOne(o, kinds)
			named = append(named, o.Kind+" "+strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")+" ("+strings.Join(kinds, ", ")+")")
		}
	}
	if len(named) == 0 {
		return ""
	}
	slices.Sort(named)
	list := strings.Join(slices.Compact(named), "; ")
	if a.complete {
		return "the cluster does not serve what these policies name; they are taken, Kyverno warns of kinds (unable to convert GVK to GVR), and what they say of them matches nothing: " + list
	}
	unserved := "what they say of it matches nothing"
	if makes {
		unserved += ", and those that generate or change it are refused"
	}
	if strings.Contains(list, "CleanupPolicy ") {
		unserved += ", and cleanup policies are refused"
	}
	return "neither Kubernetes nor the capture knows what these policies name; they are taken, and where a cluster does not serve it, " + unserved + ": " + list
}

// makesOne tells whether a rule of a policy generates or changes one of some kinds: Kyverno asks for its
// rights about these.
func makesOne(o policy.Object, kinds []string) bool {
	var p kyvernov1.ClusterPolicy
	if !isClassicKind(o.Kind) || json.Unmarshal(o.JSON, &p) != nil {
		return false
	}
	var made []string
	for i := range p.Spec.Rules {
		rule := &p.Spec.Rules[i]
		if rule.Generation != nil {
			for _, pattern := range patternsOf(rule) {
				made = append(append(made, pattern.Kind), pattern.CloneList.Kinds...)
			}
		}
		if rule.Mutation != nil {
			for _, target := range rule.Mutation.Targets {
				made = append(made, target.Kind)
			}
		}
	}
	return slices.ContainsFunc(kinds, func(kind string) bool {
		return slices.ContainsFunc(made, func(one string) bool {
			return one != "" && slices.Contains(strings.Split(kind, "/"), one[strings.LastIndex(one, "/")+1:])
		})
	})
}
