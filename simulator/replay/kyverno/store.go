package kyverno

import "encoding/json"

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
