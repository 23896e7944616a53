package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// celNeeds says what the answer of a CEL policy rests on besides the object.
type celNeeds struct {
	lookups   bool // names a library that asks the cluster, a registry or a URL
	user      bool // reads who sends the request
	namesUser bool // … in messages alone
	namespace bool // reads the namespace object
	labels    bool // selects namespaces by labels that not every namespace has
	oldObject bool // reads the old object
	stored    bool // … more of it than its name
	secrets   secretive
	request   bool // reads the request at all
	body      bool // … its object, oldObject or options through it
	parted    bool // takes of its objects nothing but fields by their names
	random    bool // draws random values
	ordered   bool // takes the keys of a map in an order
	callsOut  bool // calls URLs in a way that is not followed
	drawn     draws
	text      string                 // the expressions
	named     func() map[string]bool // all that they name
	selectors string                 // of objects, JSON
	// listVersion: reads the resourceVersion of a list
	listVersion bool
	late        []string // exceptions that Kyverno has not noticed
}

var (
	celContext       = regexp.MustCompile(`\bglobalContext\b`)
	celUser          = regexp.MustCompile(`\buserInfo\b|\bauthorizer\b`)
	celNamespace     = regexp.MustCompile(`\bnamespaceObject\b`)
	celNamespaceName = regexp.MustCompile(`\bnamespaceObject\.metadata\.name\b`)
	celOldObject     = regexp.MustCompile(`\boldObject\b`)
	celRandom        = regexp.MustCompile(`\brandom\s*[.(]`)
	celWhole         = regexp.MustCompile(`\brequest\b(?:\s*\.\s*\??\s*(\w+))?`)
	celPlainField    = map[string]bool{
		"uid": true, "kind": true, "resource": true, "subResource": true, "requestKind": true, "requestResource": true,
		"requestSubResource": true, "name": true, "namespace": true, "operation": true, "userInfo": true, "dryRun": true,
	}
)

// celNeedsOf reads the expressions of a policy and of the exceptions that name it. Where
// the text leaves room for doubt, the need is there.
func celNeedsOf(text string) celNeeds {
	n := celNeeds{
		user: celUser.MatchString(text),
		// The name of the namespace is known even where its object is not.
		namespace:   celNamespace.MatchString(celNamespaceName.ReplaceAllString(text, "")),
		oldObject:   celOldObject.MatchString(text),
		stored:      celOldObject.MatchString(withoutKnown(text)),
		secrets:     secretsOfCEL(text),
		random:      celRandom.MatchString(text),
		drawn:       drawsOf(text),
		text:        text,
		named:       sync.OnceValue(func() map[string]bool { return namesOf(text) }),
		listVersion: asksList.MatchString(text) && ofList.MatchString(text),
	}
	for _, found := range celWhole.FindAllStringSubmatch(text, -1) {
		n.request = true
		if !celPlainField[found[1]] {
			n.body = true
		}
	}
	return n
}

// addWhole notes that the request is read as a whole.
func (n *celNeeds) addWhole() {
	n.user, n.oldObject, n.stored, n.request, n.body = true, true, true, true, true
	n.drawn |= drawsRequest
}

func (n *celNeeds) addMatch(match *admissionregistrationv1.MatchResources) {
	if match == nil {
		return
	}
	n.labels = n.labels || selectsOtherLabels(match.NamespaceSelector)
	selector, _ := json.Marshal(match.ObjectSelector) // it was decoded from JSON
	n.selectors += string(selector)
}

// settle turns an answer into Undecided where it rests on something that is not known.
// Where only a match rests on it the match was assumed, so that what passes, passes.
func (n *celNeeds) settle(v verdict.Verdict, req *request, found []miss) verdict.Verdict {
	if len(found) == 0 && req.env.mocks == nil {
		found = n.unknown(v, req)
	}
	if n.random && !req.env.draws() {
		found = append(found, randomMiss)
	}
	if n.ordered && !req.env.draws() {
		found = append(found, drawnKeys)
	}
	if slices.ContainsFunc(v.Exceptions, func(name string) bool { return slices.Contains(n.late, name) }) {
		found = append(found, lateException)
	}
	if len(found) == 0 {
		return v
	}
	v.Message = ""
	return undecided(v, found)
}

// whoever is who sends a request in messages that name a user who is not known.
const whoever = "(whoever sends it)"

// addressed is a request about which nothing but a message reads who sends it.
func (n *celNeeds) addressed(req *request) *request {
	if !n.namesUser || req.userKnown() {
		return req
	}
	named := *req
	named.adm.UserInfo.Username, named.adm.UserInfo.Groups, named.cel = whoever, []string{user.AllAuthenticated}, celRequest{}
	return &named
}

// unknown says what v rests on and the capture does not hold.
func (n *celNeeds) unknown(v verdict.Verdict, req *request) []miss {
	harm := v.Outcome == verdict.Fail || v.Outcome == verdict.Error || v.Outcome == verdict.Warn ||
		v.Type != verdict.Validate && v.Type != verdict.VerifyImages
	switch {
	case n.secrets.hidden(req):
		return []miss{secretsMiss}
	case !req.userKnown() && n.user:
		return []miss{{reason: "who sends the request is not in the capture", resolve: resolveUser}}
	case !req.namespaceKnown && (n.namespace || n.labels && harm):
		return []miss{{reason: "the labels of the namespace are not in the capture", resolve: resolveLabels}}
	case n.oldObject && req.rec.Lacks(capture.MissingOldObject):
		return []miss{{reason: "the object before the update is not in the capture", resolve: resolveOld}}
	case req.asSent() && (n.stored || req.assumed && harm):
		return []miss{sentMiss}
	case req.assumed && harm:
		return []miss{{reason: "the object before the update is not in the capture", resolve: resolveOld}}
	case n.callsOut && v.Outcome != verdict.Skip:
		return []miss{{reason: "the policy may call a URL", resolve: "HTTP calls are not made offline; rehearse this policy on a fleet"}}
	case v.Type == verdict.Generate || v.Outcome == verdict.Skip && len(v.Exceptions) > 0:
		return nil // what is drawn goes into what is generated, and decides nothing
	}
	return req.undrawn(n.drawn)
}

// settleChange settles what a policy says that mutates. maybe: all that is not known is whether
// it selects the request, and so what it makes of the object is.
func (n *celNeeds) settleChange(made verdict.Verdict, req *request) (v verdict.Verdict, maybe bool) {
	found := req.misses.take()
	if v = n.settle(made, req, found); v.Outcome != verdict.Undecided || made.Outcome != verdict.Pass || len(found) > 0 {
		return v, false
	}
	known := *req
	known.assumed, known.namespaceKnown = false, known.namespaceKnown || !n.namespace
	return v, n.unknown(made, &known) == nil
}
