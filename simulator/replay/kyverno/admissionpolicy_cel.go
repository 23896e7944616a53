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

// inOlderWords puts the API server's words into a result. It tells of timestamps that the API
// server takes, with what comes of it unknown.
func inOlderWords(result *vap.ValidateResult) (found []miss) {
	said := func(message string) string {
		return strictStamp.ReplaceAllStringFunc(message, func(words string) string {
			stamp, err := strconv.Unquote(strictStamp.FindStringSubmatch(words)[1])
			if _, loose := time.Parse(time.RFC3339, stamp); err == nil && loose == nil {
				found = append(found, miss{reason: stampMiss, resolve: fleetResolve})
			}
			return looseStamp
		})
	}
	for i := range result.Decisions {
		result.Decisions[i].Message = said(result.Decisions[i].Message)
	}
	for i := range result.AuditAnnotations {
		result.AuditAnnotations[i].Error = said(result.AuditAnnotations[i].Error)
	}
	return found
}
