package kyverno

import (
	"encoding/json"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// identified is what of any object may be drawn.
type identified struct {
	Metadata struct {
		UID, CreationTimestamp, ResourceVersion string
		Generation                              int64
	}
}

// serviceDrawn is what of a Service may be drawn.
type serviceDrawn struct {
	Spec struct {
		Type, ClusterIP, ExternalTrafficPolicy string
		HealthCheckNodePort                    int
		Ports                                  []struct{ NodePort int }
	}
}

// placeholders are the values of this request that are not known. Objects of a cluster have
// what was drawn for them; the background scan asks without a request.
func (r *request) placeholders() (found draws) {
	found |= r.unplugged()
	connects := r.adm.Operation == admissionv1.Connect
	if !r.nobody {
		found |= drawsRequest
		if len(r.rec.Options) == 0 && !connects {
			found |= drawsOptions
		}
	}
	if !connects && (r.adm.SubResource == "" || r.adm.SubResource == "status") && !managed(r.adm.Object.Raw, r.adm.OldObject.Raw) {
		found |= drawsManagers
	}
	var object identified
	if json.Unmarshal(r.adm.Object.Raw, &object) != nil {
		return found // there is none, or it is not of a form that such policies ask about
	}
	found |= r.uncounted(object)
	service := r.kind.Kind == "Service" && r.kind.Group == "" && r.adm.SubResource == ""
	if service && r.adm.Operation == admissionv1.Update {
		found |= r.allocated()
	}
	drawn := admission.IsDrawn(object.Metadata.UID)
	if !drawn && (object.Metadata.UID != "" || !r.nobody && !r.oldUnknown()) {
		return found
	}
	found |= drawsUID
	if at := object.Metadata.CreationTimestamp; at == "" || drawn && (!r.nobody || r.rec.Time == nil) {
		found |= drawsCreated
	}
	if service {
		found |= r.allocated()
	}
	return found | r.drawnByKind()
}

// uncounted is what the storage counts of an object, where the answer to a patch has it and nothing
// shows what it was before.
func (r *request) uncounted(object identified) (found draws) {
	if !r.rec.Lacks(capture.MissingSent) {
		return 0
	}
	if object.Metadata.ResourceVersion == "" {
		found |= drawsVersion
	}
	if object.Metadata.Generation == 0 && (r.oldUnknown() || r.asSent()) {
		found |= drawsGeneration
	}
	return found
}

// drawnByKind are the values that are drawn for new objects of single kinds.
func (r *request) drawnByKind() draws {
	decoded := func(into any) bool { return json.Unmarshal(r.adm.Object.Raw, into) == nil }
	switch kind := r.adm.Kind.Group + "/" + r.adm.Kind.Kind; kind {
	case "batch/Job":
		var job batchv1.Job
		if decoded(&job) && job.Spec.Selector != nil && admission.IsDrawn(job.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]) {
			return drawsJob
		}
	case "/PersistentVolume":
		var volume corev1.PersistentVolume
		if decoded(&volume) && volume.Status.LastPhaseTransitionTime != nil {
			return drawsPhase
		}
	case "authentication.k8s.io/TokenRequest":
		var token authenticationv1.TokenRequest
		if decoded(&token) && len(token.Spec.Audiences) == 0 {
			return drawsAudiences
		}
	}
	return 0
}

// allocated are the values of a Service that nobody asked for, nor had it before.
func (r *request) allocated() (found draws) {
	var object, sent, old serviceDrawn
	_ = json.Unmarshal(r.adm.Object.Raw, &object) // it has been decoded before
	_ = json.Unmarshal(r.sent, &sent)             // without it, nothing was asked for
	if !r.asSent() {
		_ = json.Unmarshal(r.adm.OldObject.Raw, &old) // nor was anything there
	}
	open := len(r.adm.OldObject.Raw) == 0 // what is not there may yet be
	spec := &object.Spec
	if spec.Type != "ExternalName" && fresh(spec.ClusterIP, open, sent.Spec.ClusterIP, old.Spec.ClusterIP) {
		found |= drawsAddress
	}
	if spec.Type != "NodePort" && spec.Type != "LoadBalancer" {
		return found
	}
	if spec.ExternalTrafficPolicy == "Local" && spec.Type == "LoadBalancer" &&
		fresh(spec.HealthCheckNodePort, open, sent.Spec.HealthCheckNodePort, old.Spec.HealthCheckNodePort) {
		found |= drawsHealth
	}
	known := []int{}
	for _, port := range slices.Concat(sent.Spec.Ports, old.Spec.Ports) {
		known = append(known, port.NodePort)
	}
	for _, port := range spec.Ports {
		if fresh(port.NodePort, open, known...) {
			found |= drawsPort
		}
	}
	return found
}

// fresh tells whether a value is none of those that are known; where it is open, none is fresh, too.
func fresh[T comparable](value T, open bool, known ...T) bool {
	var none T
	if value == none {
		return open
	}
	return !slices.Contains(known, value)
}

// managed tells whether every object of a request comes with its managedFields.
func managed(objects ...[]byte) bool {
	for _, raw := range objects {
		if len(raw) > 0 && !strings.Contains(string(raw), `"managedFields"`) {
			return false
		}
	}
	return true
}
