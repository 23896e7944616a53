package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/ext/wildcard"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// What an audit log of level Request shows of an object is what a client sent. An API server's own
// additions are known, those of webhooks are not: what reads the object before may not rest on it.

// sentMiss is what is said where it does.
var sentMiss = miss{reason: "the object before the request is in the capture only as it was sent", resolve: resolveOld}

var (
	// known of every object, whatever webhooks made of it
	knownOfAny = regexp.MustCompile(`\b(oldObject|object)\s*\.\s*\??(metadata\s*\.\s*\??(name|namespace)|kind|apiVersion)\b|\boldObject\s*[!=]=\s*null\b`)
	// what a rule about a deletion may read of the object
	readsDeleted = regexp.MustCompile(`\bobject\b|\bimages\b|"cel":|"manifests":|"celPreconditions":`)
	ofContent    = regexp.MustCompile(`"(selector|annotations)":`)
)

// withoutKnown is a text without what it reads of an object and webhooks do not change.
func withoutKnown(text string) string { return knownOfAny.ReplaceAllString(text, "x") }

// asSent tells that the object before is known only as it was sent.
func (r *request) asSent() bool { return r.rec.Lacks(capture.MissingStored) }

// deletesAsSent tells so of a deletion, of which no other object is known.
func (r *request) deletesAsSent() bool {
	return r.asSent() && r.adm.Operation == admissionv1.Delete
}

// selectedAsSent tells that whether labels select the deleted object is not known.
func (r *request) selectedAsSent(s *metav1.LabelSelector) bool {
	return r.deletesAsSent() && s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0
}

// choosesContent tells whether what a rule matches, or excludes, has certain labels or annotations.
func choosesContent(match kyvernov1.MatchResources, exclude *kyvernov1.MatchResources) bool {
	text, _ := json.Marshal([]any{match, exclude}) // they were decoded from JSON
	return ofContent.Match(text)
}

// readsContent tells whether what a rule says of a deletion may depend on the deleted object. What
// is in generated objects, or in a message's words, does not matter then.
func readsContent(rule kyvernov1.Rule) bool {
	if rule.Generation != nil {
		named := *rule.Generation
		named.RawData = nil
		rule.Generation = &named
	}
	if rule.Validation != nil {
		quiet := *rule.Validation
		quiet.Message = ""
		rule.Validation = &quiet
	}
	rule.MatchResources, rule.ExcludeResources = kyvernov1.MatchResources{}, nil
	text, _ := json.Marshal(rule)
	certain := []byte(withoutKnown(string(text)))
	return readsDeleted.Match(certain) || readsIn(certain).reads("request.object")
}

// choice is a match block of a rule that chooses objects by their content, but for that.
type choice struct {
	kinds kindIndex
	block kyvernov1.ResourceDescription
}

func choicesIn(match kyvernov1.MatchResources) (all []choice) {
	for _, block := range matchBlocks(match) {
		c := choice{block: block}
		c.kinds.add(block)
		all = append(all, c)
	}
	return all
}

// mayTake tells whether the object may be one that the rule chooses.
func (c choice) mayTake(req *request) bool {
	among := func(patterns []string, name string) bool {
		return len(patterns) == 0 || wildcard.CheckPatterns(patterns, name)
	}
	return c.kinds.sees(req.kind, req.adm.SubResource, string(req.adm.Operation)) &&
		(c.block.Name == "" || wildcard.Match(c.block.Name, req.rec.Name)) && among(c.block.Names, req.rec.Name) &&
		(req.rec.Namespace == "" || among(c.block.Namespaces, req.rec.Namespace))
}

// choosy is a unit that may choose objects by what webhooks write.
type choosy interface{ mayChoose(*request) bool }

func (c *classic) mayChoose(req *request) bool {
	return slices.ContainsFunc(c.needs.choosing, func(one choice) bool { return one.mayTake(req) })
}

// lackingFor says which body of the request the capture does not hold as a unit needs it; "" when
// none is missing.
func (s *sideRun) lackingFor(u phased) string {
	if picky, ok := u.unit.(choosy); ok && s.req.deletesAsSent() && picky.mayChoose(&s.req) {
		return "the deleted object is in the capture only as it was sent"
	}
	return s.lacking()
}

// restsOnStored tells whether what webhooks made of the object before could change the answer.
func (n *needs) restsOnStored(v verdict.Verdict, r ruleNeeds, req *request) bool {
	if r.stored || req.deletesAsSent() && (r.deleted || n.exceptionContent) {
		return true
	}
	if !r.keepsOld || v.Type != verdict.Validate || req.adm.Operation != admissionv1.Update {
		return false
	}
	return v.Outcome == verdict.Fail && v.Action == verdict.Enforce || v.Outcome == verdict.Skip && strings.Contains(v.Message, "pre-existing violations")
}
