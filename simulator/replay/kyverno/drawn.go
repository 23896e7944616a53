package kyverno

import (
	"encoding/json"
	"regexp"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
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
	drawsHealth  // the port of a Service, on nodes, that tells of its health
	drawsJob     // labels and selector of a Job, by its uid
	drawsPhase   // since when a PersistentVolume is in its phase
	drawsAudiences
	drawsManagers
	drawsOptions
	drawsVersion    // resourceVersion, of an object before that is not known
	drawsGeneration // likewise
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

// presence is what is said of a field that is only wanted, or not wanted, to be there.
func presence(field string) string {
	return `"X\(` + field + `\)":"[^"]*"|"` + field + `":("\?\*"|null)|\bhas\([\w.]*\.` + field + `\)`
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
	{drawsHealth, "healthCheckNodePort", regexp.MustCompile(`\bhealthCheckNodePort\b`), regexp.MustCompile(presence("healthCheckNodePort")), "the Service's healthCheckNodePort is drawn by the API server"},
	{drawsJob, "controller-uid", regexp.MustCompile(`\bcontroller-uid\b`), regexp.MustCompile(presence(`(batch\.kubernetes\.io/)?controller-uid`)), "the Job's controller-uid is drawn by the API server"},
	{drawsPhase, "lastPhaseTransitionTime", regexp.MustCompile(`\blastPhaseTransitionTime\b`), regexp.MustCompile(presence("lastPhaseTransitionTime")), "the PersistentVolume's lastPhaseTransitionTime is set by the API server"},
	{drawsAudiences, "audiences", regexp.MustCompile(`\baudiences\b`), nil, "the audiences of a token that names none are the API server's own"},
	{drawsManagers, "managedFields", regexp.MustCompile(`\bmanagedFields\b`), nil, "managedFields are not in the capture"},
	{drawsVersion, "resourceVersion", regexp.MustCompile(`\bobject\.\??metadata(\.\??resourceVersion\b|\[\??\\?["']resourceVersion|\.[\[{][^\]}]*\bresourceVersion\b)|"resourceVersion":`), nil, "the object's resourceVersion is not in the capture"},
	{drawsGeneration, "generation", regexp.MustCompile(`\bobject\.\??metadata(\.\??generation\b|\[\??\\?["']generation|\.[\[{][^\]}]*\bgeneration\b)|"generation":`), nil, "the object's generation is not in the capture"},
	{drawsOptions, "options", regexp.MustCompile(`\brequest\.\??options\b`), regexp.MustCompile(`\brequest\.\??options\.\??(dryRun|kind|apiVersion)\b`), "the options of the request are not in the capture"},
}

// What takes the metadata as a whole may read them from it elsewhere.
var (
	wholeMetadata = regexp.MustCompile(`\bobject\.\??metadata\s*(?:[^\s.\w?\[]|$)`)
	throughIt     = map[draws]*regexp.Regexp{drawsUID: regexp.MustCompile(`\.\??uid\b`), drawsCreated: regexp.MustCompile(`\.\??creationTimestamp\b`),
		drawsVersion: regexp.MustCompile(`\.\??resourceVersion\b`), drawsGeneration: regexp.MustCompile(`\.\??generation\b`)}
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
		if reader.value&(drawsUID|drawsCreated|drawsAddress|drawsPort|drawsHealth|drawsJob|drawsPhase) != 0 {
			resolve = drawnResolve
		}
		found = append(found, miss{reason: reader.reason, resolve: resolve})
	}
	return found
}
