package kyverno

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// A registry elsewhere that has no TLS is read by what it was asked without: so answers a Kyverno
// with --allowInsecureRegistry, which pins and refuses as for any other.
func TestARegistryWithoutTLS(t *testing.T) {
	s := newShelf(t)
	texts := []string{strings.Replace(classicImages, "ENTRY", byKey, 1),
		strings.Replace(celImages, "COSIGN", `{key: {data: KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1), imageMetadata}
	here := s.Host
	for _, text := range texts {
		for _, image := range []string{"signed", "unsigned", "gone"} {
			clear(s.heard)
			s.Host = here
			near := s.judged(t, s.world(t, nil), Options{Registry: s}, text, image)
			moved := map[string]capture.RegistryAnswer{}
			for url, a := range s.heard {
				a.URL = strings.Replace(url, here, "registry.test:5000", 1)
				moved[a.URL] = a
			}
			s.Host = "registry.test:5000"
			far := s.judged(t, s.world(t, moved), Options{}, text, image)
			if far.Decision != near.Decision || far.Decision == verdict.DecisionUndecided || string(far.Patch) != strings.ReplaceAll(string(near.Patch), here, s.Host) {
				t.Errorf("%s: near %s %s %s\nfar %s %s%s %s", image, near.Decision, near.Message, near.Patch, far.Decision, far.Message, far.Reason, far.Patch)
			}
		}
	}
}

// endless fails when a registry is asked on behalf of nobody who could give up.
type endless struct {
	*shelf
	t *testing.T
}

func (e endless) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Done() == nil {
		e.t.Errorf("%s is asked without the caller's context", req.URL.Path)
	}
	return e.shelf.RoundTrip(req)
}

func TestWhoAsksARegistryCanGiveUp(t *testing.T) {
	s := newShelf(t)
	for _, text := range []string{strings.Replace(classicImages, "ENTRY", byKey, 1), imageContext} {
		s.judged(t, s.world(t, nil), Options{Registry: endless{s, t}}, text, "signed")
	}
}
