package kyverno

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// plugged are the resources by which built-in plugins change pods that ask for nothing.
var plugged = []capture.GVR{
	{Version: "v1", Resource: "limitranges"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"},
}

// assume remembers that policies judged a new pod as if no plugin changed it by anything that the
// capture does not hold.
func (e *Engine) assume(rec *capture.Record, sides []verdict.Judgement) {
	w, ok := e.look.(world)
	if !ok || e.undefined.pods.Load() || rec.Operation != capture.Create || rec.SubResource != "" || rec.Kind != (capture.GVK{Version: "v1", Kind: "Pod"}) {
		return
	}
	if rec.Answered() {
		return
	}
	said := false
	for _, j := range sides {
		said = said || len(j.Verdicts) > 0
	}
	for _, gvr := range plugged {
		if said && !w.Knows(gvr, rec.Namespace) {
			e.undefined.pods.Store(true)
		}
	}
}

// Assumed says what engines took for granted of plugins; empty for nothing.
func Assumed(engines map[string]*Engine) string {
	for _, e := range engines {
		if e.undefined.pods.Load() {
			return "new pods were judged as if there were no LimitRanges, pull secrets of service accounts and default priorities but those in the capture, which does not say that it holds all; capture the cluster, or say so with --complete"
		}
	}
	return ""
}

// exclude remembers that policies judged a request of nobody knows whom, whom Kyverno's configuration may
// keep from them.
func (e *Engine) exclude(rec *capture.Record, sides []verdict.Judgement) {
	said := slices.ContainsFunc(sides, func(j verdict.Judgement) bool { return len(j.Verdicts) > 0 })
	if !e.env.excludes || !said || e.as.Username != "" || e.undefined.users.Load() {
		return
	}
	if sender, made := admission.Sender(rec); !made && sender.Username == "" {
		e.undefined.users.Store(true)
	}
}

// excludesUsers tells whether Kyverno's ConfigMap keeps users from policies, besides the nodes that the
// release does.
func excludesUsers(own *corev1.ConfigMap) bool {
	excludes := own.Data["excludeUsernames"] + own.Data["excludeRoles"] + own.Data["excludeClusterRoles"]
	if groups := own.Data["excludeGroups"]; groups != user.NodesGroup {
		excludes += groups
	}
	return excludes != "" || celUser.MatchString(own.Data["matchConditions"])
}

// Unfiltered says that engines took nobody to be excluded; empty where that is known.
func Unfiltered(engines map[string]*Engine) string {
	for _, e := range engines {
		if e.undefined.users.Load() {
			return "who sends the requests is not in the capture: they were judged as if Kyverno's ConfigMap, which excludes some users, excluded none of them; name one with --as"
		}
	}
	return ""
}
