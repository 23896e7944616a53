package kyverno

import (
	"regexp"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What is deleted on a schedule is what stands in the cluster: objects that were captured there, and
// those of a repository once they are created. Of what a log shows, objects that an API server returned.

// stands tells whether a request is about an object that stands, or will.
func (r *request) stands() bool {
	return r.rec.Operation == capture.Create && r.adm.SubResource == "" && r.rec.TemplateOf == nil && (r.rec.Live || r.rec.Origin.Source != "audit" && r.rec.Response == nil)
}

// grown matches what an object has only once it stands: its age, its status, who owns it.
var grown = regexp.MustCompile(`\b(creationTimestamp|uid|resourceVersion|generation|managedFields|ownerReferences|status|time_since|deletionTimestamp|finalizers)\b`)

var grownMiss = miss{reason: "what a cluster adds to the object, such as its age and its status, is not in the capture", resolve: "capture the cluster"}

// ungrown says what is not known of an object of a repository for a policy that reads what it has
// once it stands.
func (r *request) ungrown(text string) []miss {
	if r.rec.Live || r.env.mocks != nil || !grown.MatchString(text) {
		return nil
	}
	return []miss{grownMiss}
}
