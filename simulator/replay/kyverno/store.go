package kyverno

import (
	"encoding/json"
	"errors"

	"github.com/seatrial/seatrial/simulator/admission"
)

// store makes the object what validation is asked about. That is no change of a policy's.
func (s *sideRun) store() {
	s.stored = true
	if s.version != 0 {
		s.mutated = s.req.adm.Object.Raw
	}
	w, ok := s.req.look.(world)
	if !ok || s.req.env.mocks != nil || s.lacking() != "" {
		return
	}
	object, err := admission.Stored(w.World, s.req.rec, s.req.adm.Object.Raw)
	if err != nil {
		return // policies say themselves that it does not decode
	}
	var refused *admission.Refused
	if err := admission.Validate(w.World, s.req.rec, object); errors.As(err, &refused) {
		s.refused = refused.Reason
	}
	s.mutate(object)
	if s.req.adm.Name == "" && s.req.rec.SubResource == "" {
		s.req.adm.Name = generatedName(object)
	}
}

func generatedName(object []byte) string {
	var head struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(object, &head) // it was encoded before
	return head.Metadata.Name
}
