package kyverno

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/admission"
)

// store makes the object what validation is asked about. That is no change of a policy's.
func (s *sideRun) store() {
	s.stored = true
	if s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	if !s.storable() {
		return
	}
	object := s.wouldStore(s.version, s.req.adm.Object.Raw)
	if object == nil {
		return // policies say themselves that it does not decode
	}
	s.mutate(object)
	if s.req.adm.Name == "" && s.req.rec.SubResource == "" {
		s.req.adm.Name = nameIn(object)
	}
}

// returned is an object of the request as an API server returns it once it is stored.
func (r *request) returned(object []byte) []byte {
	w, ok := r.look.(world)
	if !ok || r.env.mocks != nil || r.adm.Kind != metav1.GroupVersionKind(r.rec.Kind) {
		return object
	}
	return admission.Returned(w.World, r.rec, object)
}

// nameIn is the name of an object.
func nameIn(object []byte) string {
	var head struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(object, &head) // it was encoded before, or there is none
	return head.Metadata.Name
}
