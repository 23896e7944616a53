package kyverno

import (
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
)

// controllerKinds are those whose templates Kyverno makes rules for.
var controllerKinds = []string{"Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob", "ReplicaSet", "ReplicationController"}

// coveredBy lists the kinds for whose templates every rule about pods has a twin among the
// rules that Kyverno computed.
func coveredBy(rules []kyvernov1.Rule) map[string]bool {
	covers := map[string]bool{}
	for _, kind := range controllerKinds {
		covers[kind] = !slices.ContainsFunc(rules, func(r kyvernov1.Rule) bool {
			return !strings.HasPrefix(r.Name, "autogen-") && aboutPods(r) && !hasTwin(rules, r.Name, kind)
		})
	}
	return covers
}

func aboutPods(r kyvernov1.Rule) bool {
	return slices.ContainsFunc(r.MatchResources.GetKinds(), func(kind string) bool {
		return strings.ContainsAny(kind, "*?") || kind == "Pod" || strings.HasSuffix(kind, "/Pod")
	})
}

func hasTwin(rules []kyvernov1.Rule, name, kind string) bool {
	return slices.ContainsFunc(rules, func(r kyvernov1.Rule) bool {
		twin := r.Name == "autogen-"+name || r.Name == "autogen-cronjob-"+name
		return twin && slices.ContainsFunc(r.MatchResources.GetKinds(), func(k string) bool { return k[strings.LastIndex(k, "/")+1:] == kind })
	})
}
