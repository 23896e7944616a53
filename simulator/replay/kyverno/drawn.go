package kyverno

import (
	"encoding/json"
	"regexp"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/seatrial/seatrial/simulator/admission"
)

// draws are values that an API server draws, or that no capture holds. What stands for them
// offline must not decide.
type draws uint32

const (
	drawsRequest draws = 1 << iota // the request's uid
	drawsUID
	drawsCreated // creationTimestamp
	drawsAddress // of a Service
	drawsPort    // of a Service, on nodes
	drawsManagers
	drawsOptions
)

// drawnReader finds in the text of a policy that it reads a value. What is cut first needs no
// such value: whether a Service is headless, a dry run.
type drawnReader struct {
	value  draws
	word   string // cheap: without it, nothing is read
	reads  *regexp.Regexp
	cut    *regexp.Regexp
	reason string
}

const (
	drawnResolve = "rehearse this policy on a fleet; of objects that exist already, capture the cluster"
	fleetResolve = "rehearse this policy on a fleet"
)

var drawnReaders = []drawnReader{
	{drawsRequest, "uid", regexp.MustCompile(`\brequest\.\??uid\b`), nil, "the request's uid is drawn by the API server"},
	{drawsUID, "uid", regexp.MustCompile(`\bobject\.\??metadata(\.\??uid\b|\[\??\\?["']uid|\.[\[{][^\]}]*\buid\b)|"uid":`), nil, "the object's uid is drawn by the API server"},
	{drawsCreated, "creationTimestamp", regexp.MustCompile(`\bobject\.\??metadata(\.\??creationTimestamp\b|\[\??\\?["']creationTimestamp|\.[\[{][^\]}]*\bcreationTimestamp\b)|"creationTimestamp":`), nil, "the object's creationTimestamp is set by the API server"},
	{drawsAddress, "clusterIP", regexp.MustCompile(`\bclusterIPs?\b`),
		regexp.MustCompile(`clusterIP\s*[!=]=\s*\\?['"]None|"clusterIP":"!?None"|"key":"\{\{\s*request\.object\.spec\.clusterIP\s*(\|\|\s*''\s*)?\}\}","operator":"(Not)?Equals","value":"None"`),
		"the Service's clusterIP is drawn by the API server"},
	{drawsPort, "nodePort", regexp.MustCompile(`\bnodePort\b`), nil, "the Service's nodePort is drawn by the API server"},
	{drawsManagers, "managedFields", regexp.MustCompile(`\bmanagedFields\b`), nil, "managedFields are not in the capture"},
	{drawsOptions, "options", regexp.MustCompile(`\brequest\.\??options\b`), regexp.MustCompile(`\brequest\.\??options\.\??(dryRun|kind|apiVersion)\b`), "the options of the request are not in the capture"},
}

// What takes the metadata as a whole may read them from it elsewhere.
var (
	wholeMetadata = regexp.MustCompile(`\bobject\.\??metadata\s*(?:[^\s.\w?\[]|$)`)
	throughIt     = map[draws]*regexp.Regexp{drawsUID: regexp.MustCompile(`\.\??uid\b`), drawsCreated: regexp.MustCompile(`\.\??creationTimestamp\b`)}
)

// drawsOf are the values that a text reads.
func drawsOf(text string) (read draws) {
	for _, r := range allReaders {
		if !strings.Contains(text, r.word) {
			continue
		}
		rest := text
		if r.cut != nil {
			rest = r.cut.ReplaceAllString(text, "")
		}
		through := throughIt[r.value]
		if r.reads.MatchString(rest) || through != nil && through.MatchString(text) && wholeMetadata.MatchString(text) {
			read |= r.value
		}
	}
	return read
}

// drawsOfRule are the values that decide about a rule, and of those the ones that decide
// whether it is asked at all. Messages and what is generated decide nothing.
func drawsOfRule(rule kyvernov1.Rule, text string) (all, early draws) {
	if drawsOf(text) == 0 {
		return 0, 0
	}
	rule.Generation = nil
	if rule.Validation != nil {
		quiet := *rule.Validation
		quiet.Message = ""
		rule.Validation = &quiet
	}
	all = drawsIn(rule)
	rule.Validation, rule.Mutation, rule.VerifyImages = nil, nil, nil
	return all, drawsIn(rule)
}

func drawsIn(rule kyvernov1.Rule) draws {
	text, _ := json.Marshal(rule) // a rule that was decoded from JSON encodes
	return drawsOf(string(text))
}

// undrawn says which of the values that are read only stand for what an API server would draw.
func (r *request) undrawn(read draws) (found []miss) {
	if read == 0 || r.env.mocks != nil {
		return nil
	}
	read &= r.placeholders()
	for _, reader := range allReaders {
		if read&reader.value == 0 {
			continue
		}
		resolve := fleetResolve
		if reader.value >= drawsPriority {
			resolve = classResolve
		}
		if reader.value&(drawsUID|drawsCreated|drawsAddress|drawsPort) != 0 {
			resolve = drawnResolve
		}
		found = append(found, miss{reason: reader.reason, resolve: resolve})
	}
	return found
}

// identified is what of an object may be drawn.
type identified struct {
	Metadata struct{ UID, CreationTimestamp string }
	Spec     struct {
		Type, ClusterIP string
		Ports           []struct{ NodePort int }
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
	drawn := admission.IsDrawn(object.Metadata.UID)
	if !drawn && (object.Metadata.UID != "" || !r.nobody && !r.oldUnknown()) {
		return found
	}
	found |= drawsUID
	if at := object.Metadata.CreationTimestamp; at == "" || drawn && (!r.nobody || r.rec.Time == nil) {
		found |= drawsCreated
	}
	if r.kind.Kind == "Service" && r.kind.Group == "" {
		found |= r.allocated(&object)
	}
	return found
}

// allocated are the values of a Service that nobody asked for.
func (r *request) allocated(object *identified) (found draws) {
	var sent identified
	_ = json.Unmarshal(r.sent, &sent) // without it, nothing was asked for
	spec := &object.Spec
	if spec.Type != "ExternalName" && (spec.ClusterIP == "" || spec.ClusterIP != sent.Spec.ClusterIP) {
		found |= drawsAddress
	}
	if spec.Type != "NodePort" && spec.Type != "LoadBalancer" {
		return found
	}
	for i, port := range spec.Ports {
		if port.NodePort == 0 || i >= len(sent.Spec.Ports) || port.NodePort != sent.Spec.Ports[i].NodePort {
			found |= drawsPort
		}
	}
	return found
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
