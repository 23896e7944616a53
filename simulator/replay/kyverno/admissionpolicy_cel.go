package kyverno

import (
	"regexp"
	"strconv"
	"time"

	vap "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
)

// Kyverno is built with a younger release of CEL than the API server. The younger one takes
// timestamps in the strict form of RFC 3339 alone, and has words of its own for others.
var strictStamp = regexp.MustCompile(`invalid RFC 3339 timestamp ("(?:[^"\\]|\\.)*")`)

const (
	looseStamp = "type conversion error from 'string' to 'google.protobuf.Timestamp'"
	stampMiss  = "the API server's CEL takes a timestamp that this one does not"
)

// inOlderWords puts the API server's words into what is said of an expression. It tells of
// timestamps that the API server takes, with what comes of it unknown.
func inOlderWords(message string) (words string, loose []miss) {
	words = strictStamp.ReplaceAllStringFunc(message, func(said string) string {
		stamp, err := strconv.Unquote(strictStamp.FindStringSubmatch(said)[1])
		if _, fault := time.Parse(time.RFC3339, stamp); err == nil && fault == nil {
			loose = append(loose, miss{reason: stampMiss, resolve: fleetResolve})
		}
		return looseStamp
	})
	return words, loose
}

// resultInOlderWords does so for a result.
func resultInOlderWords(result *vap.ValidateResult) (loose []miss) {
	said := func(message string) string {
		words, found := inOlderWords(message)
		loose = append(loose, found...)
		return words
	}
	for i := range result.Decisions {
		result.Decisions[i].Message = said(result.Decisions[i].Message)
	}
	for i := range result.AuditAnnotations {
		result.AuditAnnotations[i].Error = said(result.AuditAnnotations[i].Error)
	}
	return loose
}
