package kyverno

import (
	"regexp"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
)

// listReads says what a rule reads of lists that it looks up, besides their items.
type listReads struct {
	version bool // the resourceVersion
	more    bool // the token by which the list goes on
}

// What stands for them offline must not decide.
const (
	drawnVersion  = "0"
	drawnContinue = "continue"
)

var (
	listVersionMiss  = miss{reason: "the resourceVersion of a list is the API server's own", resolve: fleetResolve}
	listContinueMiss = miss{reason: "the token by which a list goes on is drawn by the API server", resolve: fleetResolve}
)

// listHead finds in a JMESPath over a list, and ofList in what is made of one in CEL, what is read.
var (
	listHead = regexp.MustCompile(`(?:^|[^.\w\]]|@\.)metadata\.(?:\w+|\{[^}]*\})`)
	ofList   = regexp.MustCompile(`(?:\)|\bvariables\.\w+)\s*\.\??metadata\.\??resourceVersion\b`)
	asksList = regexp.MustCompile(`\bList\(`)
)

// listReadsOf reads what a rule takes of the lists that its context looks up; text is the rule's.
func listReadsOf(rule kyvernov1.Rule, text string) (r listReads) {
	for _, entry := range rule.Context {
		switch {
		case entry.APICall != nil && entry.APICall.URLPath != "":
			r.path(entry.APICall.JMESPath)
		case entry.GlobalReference != nil:
			r.path(entry.GlobalReference.JMESPath)
		default:
			continue
		}
		for _, found := range regexp.MustCompile(`\b`+regexp.QuoteMeta(entry.Name)+`\.(metadata\.(?:\w+|\{[^}]*\}))`).FindAllStringSubmatch(text, -1) {
			r.path(found[1])
		}
	}
	return r
}

func (r *listReads) path(query string) {
	for _, found := range listHead.FindAllStringSubmatch(query, -1) {
		r.version = r.version || listVersion.MatchString(found[0])
		r.more = r.more || listContinue.MatchString(found[0])
	}
}

var (
	listVersion  = regexp.MustCompile(`\bresourceVersion\b`)
	listContinue = regexp.MustCompile(`\bcontinue\b`)
)

// listReader is a unit that can tell what it reads of lists.
type listReader interface{ listReads(rule string) listReads }

func (c *classic) listReads(rule string) listReads { return c.needs.rules[rule].lists }

func (p *celPolicy) listReads(string) listReads { return listReads{version: p.needs.listVersion} }

func (u scanned) listReads(rule string) (none listReads) {
	if r, ok := u.unit.(listReader); ok {
		return r.listReads(rule)
	}
	return none
}

// readsOfLists is what the rule that is being evaluated reads of lists.
func (c client) readsOfLists() (none listReads) {
	if r, ok := c.req.unit.(listReader); ok && c.req.env.mocks == nil {
		return r.listReads(c.req.misses.rule)
	}
	return none
}
