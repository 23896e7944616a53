package kyverno

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
)

// What an API server says of its version is its release, which a capture of a cluster holds, and how it
// was built, which none does.

// serverRelease is that of a server which nobody has renamed.
var serverRelease = regexp.MustCompile(`^v(\d+)\.(\d+)\.\d+$`)

const (
	versionPath    = "/version"
	versionResolve = "capture the cluster, whose release alone is known; rehearse a policy that asks how it was built on a fleet"
)

var ofRelease = map[string]bool{"major": true, "minor": true, "gitVersion": true}

// releaseReader is a unit that can tell that a rule asks an API server for its release alone.
type releaseReader interface{ readsRelease(rule string) bool }

func (c *classic) readsRelease(rule string) bool { return c.needs.rules[rule].release }

// version answers for the API server what its version is.
func (c client) version(path string) ([]byte, error) {
	r, reads := c.req.unit.(releaseReader)
	w, known := c.req.look.(world)
	if !reads || !known || !r.readsRelease(c.req.misses.rule) {
		return nil, c.unknown("GET "+path, versionResolve)
	}
	of := serverRelease.FindStringSubmatch(w.Cluster.ServerVersion)
	if of == nil {
		return nil, c.unknown("GET "+path, versionResolve)
	}
	return json.Marshal(map[string]string{"major": of[1], "minor": of[2], "gitVersion": of[0]})
}

// readsReleaseAlone tells whether all that a rule takes of an API server's version is its release.
func readsReleaseAlone(rule kyvernov1.Rule, text string, reads *ruleReads) bool {
	asks := 0
	for _, entry := range rule.Context {
		switch {
		case entry.GlobalReference != nil: // it may ask, too
			return false
		case entry.APICall == nil || entry.APICall.URLPath != versionPath:
		case entry.APICall.Method != "" && string(entry.APICall.Method) != http.MethodGet || !takesRelease(entry, reads):
			return false
		default:
			asks++
		}
	}
	return asks > 0 && strings.Count(text, versionPath) == asks // else there are other calls
}

// takesRelease tells it of one entry: by its own query, or else by what the rule reads of it.
func takesRelease(entry kyvernov1.ContextEntry, reads *ruleReads) bool {
	within, at := reads.jmesReads, 1
	if query := entry.APICall.JMESPath; query != "" {
		within, at = jmesReads{}, 0
		within.expression(query)
	}
	for _, path := range append(within.paths[:len(within.paths):len(within.paths)], within.lists...) {
		if at == 1 && len(path) > 0 && path[0] != entry.Name && path[0] != anyField {
			continue
		}
		if len(path) <= at || !ofRelease[path[at]] {
			return false
		}
	}
	return !within.opaque
}
