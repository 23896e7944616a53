package kyverno

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
	"github.com/seatrial/seatrial/simulator/registry/registrytest"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// shelf is a live registry, with images of every sort, and what was heard of it.
type shelf struct {
	*registrytest.Registry
	key, otherKey string // PEM
	cert, asking  string // PEM, of Notary's signers; the second says where to ask whether it was revoked
	signed        string // digest of web:signed
	mu            sync.Mutex
	heard         map[string]capture.RegistryAnswer
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{Registry: registrytest.Start(t), heard: map[string]capture.RegistryAnswer{}}
	key, public := registrytest.Key(t)
	other, otherPublic := registrytest.Key(t)
	s.key, s.otherKey = public, otherPublic
	digest := s.Push("shop/web:signed")
	s.Sign("shop/web", digest, key)
	s.signed = digest.String()
	s.Sign("shop/web", s.Push("shop/web:other"), other)
	s.Push("shop/web:unsigned")
	notary, asking := registrytest.NewNotary(t, ""), registrytest.NewNotary(t, "http://revoked.test/list")
	s.cert, s.asking = notary.PEM, asking.PEM
	s.Notarise("shop/web", s.Push("shop/web:notarised"), notary)
	s.Notarise("shop/web", s.Push("shop/web:asking"), asking)
	return s
}

// RoundTrip asks the live registry and remembers what it answers.
func (s *shelf) RoundTrip(req *http.Request) (*http.Response, error) {
	live, err := http.NewRequestWithContext(req.Context(), http.MethodGet, "http://"+req.URL.Host+req.URL.Path, nil)
	if err != nil {
		return nil, err
	}
	if req.URL.Scheme != "http" {
		return nil, fmt.Errorf("the registry speaks http")
	}
	live.Header["Accept"] = req.Header["Accept"]
	resp, err := http.DefaultTransport.RoundTrip(live)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	s.mu.Lock()
	s.heard[live.URL.String()] = capture.RegistryAnswer{
		URL: live.URL.String(), Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Digest: "sha256:" + hex.EncodeToString(sum[:]), Body: body,
	}
	s.mu.Unlock()
	resp.Request = req
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, nil
}

// world is a complete world that holds answers.
func (s *shelf) world(t *testing.T, answers map[string]capture.RegistryAnswer) *capture.World {
	t.Helper()
	objects := []*capture.WorldObject{{Cluster: "c", Object: []byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`)}}
	for _, a := range answers {
		object, err := a.WorldObject("c")
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, &object)
	}
	w, err := capture.NewWorld(capture.Cluster{Name: "c", Complete: true}, objects...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// judged is what a policy says of a pod with an image of the shelf.
func (s *shelf) judged(t *testing.T, w *capture.World, opt Options, text, image string) verdict.Judgement {
	t.Helper()
	text = strings.NewReplacer("HOST", s.Host, "OTHER-KEY", indented(s.otherKey), "KEY", indented(s.key), "ASKING-CERT", indented(s.asking), "CERT", indented(s.cert)).Replace(text)
	opt.At = testClock
	compiler := NewCompiler(opt)
	var object map[string]any
	mustYAML(t, []byte(text), &object)
	content, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	meta := object["metadata"].(map[string]any)
	set := policy.FromObjects("test", []policy.Object{{APIVersion: object["apiVersion"].(string), Kind: object["kind"].(string), Name: meta["name"].(string), JSON: content}})
	program, err := compiler.Compile(t.Context(), set, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(program.Rejected) > 0 {
		t.Fatal(program.Rejected)
	}
	engine, err := compiler.Engine(w, capture.User{Username: "jane"}, program)
	if err != nil {
		t.Fatal(err)
	}
	pod := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"},"spec":{"containers":[{"name":"web","image":"%s/shop/web:%s"}]}}`, s.Host, image)
	sides, err := engine.Judge(t.Context(), &capture.Record{
		Cluster: "c", Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "Pod"}, Resource: capture.GVR{Version: "v1", Resource: "pods"},
		Namespace: "shop", Name: "web", Object: []byte(pod),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sides[0]
}

// indented is a PEM as a YAML text of a policy below.
func indented(pem string) string { return `"` + strings.ReplaceAll(pem, "\n", `\n`) + `"` }

const classicImages = `
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  background: false
  webhookConfiguration: {failurePolicy: Fail, timeoutSeconds: 30}
  rules:
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ["HOST/*"]
      failureAction: Enforce
      attestors: [{entries: [ENTRY]}]
`

const (
	byKey     = `{keys: {publicKeys: KEY, rekor: {url: "https://rekor.test", ignoreTlog: true}, ctlog: {ignoreSCT: true}}}`
	byOther   = `{keys: {publicKeys: OTHER-KEY, rekor: {url: "https://rekor.test", ignoreTlog: true}, ctlog: {ignoreSCT: true}}}`
	byLogged  = `{keys: {publicKeys: KEY}}`
	byNoLog   = `{keys: {publicKeys: OTHER-KEY}}`
	byKeyless = `{keyless: {issuer: "https://issuer.test", subject: "jane@shop.test", rekor: {url: "https://rekor.test"}}}`
	bySecret  = `{keys: {secret: {name: key, namespace: kyverno}}}`
)

const celImages = `
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {name: signed}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validationActions: [Deny]
  matchImageReferences: [{glob: "HOST/*"}]
  attestors: [{name: one, cosign: COSIGN}]
  validations:
  - expression: images.containers.map(i, verifyImageSignatures(i, [attestors.one])).all(n, n > 0)
    message: not signed
`

var imageCases = []struct {
	reason, policy, image string
	decision              verdict.Decision
	message               string // a part of the denial's, or of the reason
}{
	{"the key signed it", strings.Replace(classicImages, "ENTRY", byKey, 1), "signed", verdict.Allowed, ""},
	{"nobody signed it", strings.Replace(classicImages, "ENTRY", byKey, 1), "unsigned", verdict.Denied, "no signatures found"},
	{"another key signed it", strings.Replace(classicImages, "ENTRY", byKey, 1), "other", verdict.Denied, "invalid signature"},
	{"the wrong key is asked for", strings.Replace(classicImages, "ENTRY", byOther, 1), "signed", verdict.Denied, "invalid signature"},
	{"there is no such image", strings.Replace(classicImages, "ENTRY", byKey, 1), "gone", verdict.Denied, "MANIFEST_UNKNOWN"},
	{"the key signed it, CEL", strings.Replace(celImages, "COSIGN", `{key: {data: KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1), "signed", verdict.Allowed, ""},
	{"nobody signed it, CEL", strings.Replace(celImages, "COSIGN", `{key: {data: KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1), "unsigned", verdict.Denied, "not signed"},
	{"the wrong key, CEL", strings.Replace(celImages, "COSIGN", `{key: {data: OTHER-KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1), "signed", verdict.Denied, "not signed"},
	{"there is no such image, CEL", strings.Replace(celImages, "COSIGN", `{key: {data: KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1), "gone", verdict.Denied, "MANIFEST_UNKNOWN"},
	{"the image's configuration", imageContext, "signed", verdict.Denied, "made by registrytest"},
	{"there is none to read", imageContext, "gone", verdict.Denied, "MANIFEST_UNKNOWN"},
	{"the image's configuration, CEL", imageMetadata, "signed", verdict.Denied, "made by registrytest"},

	{"whether the log has it, only Sigstore knows", strings.Replace(classicImages, "ENTRY", byLogged, 1), "signed", verdict.DecisionUndecided, trustReason},
	{"what no key signed, no log makes good", strings.Replace(classicImages, "ENTRY", byNoLog, 1), "signed", verdict.Denied, "invalid signature"},
	{"nobody signed it, whatever Sigstore says", strings.Replace(classicImages, "ENTRY", byKeyless, 1), "unsigned", verdict.Denied, "no signatures found"},
	{"whose it is, only Sigstore knows", strings.Replace(classicImages, "ENTRY", byKeyless, 1), "signed", verdict.DecisionUndecided, trustReason},
	{"the key is in a Secret", strings.Replace(classicImages, "ENTRY", bySecret, 1), "signed", verdict.DecisionUndecided, trustReason},
	{"nobody signed it, whatever the key in the Secret is", strings.Replace(classicImages, "ENTRY", bySecret, 1), "unsigned", verdict.Denied, "no signatures found"},
	{"whose it is, only Sigstore knows, CEL", strings.Replace(celImages, "COSIGN", `{keyless: {identities: [{issuer: "https://issuer.test", subject: jane}]}}`, 1), "signed", verdict.DecisionUndecided, trustReason},
	{"the certificate signed it", classicNotary, "notarised", verdict.Allowed, ""},
	{"Notary has signed nothing", classicNotary, "unsigned", verdict.Denied, "no signature"},
	{"cosign's signature is none of Notary's", classicNotary, "signed", verdict.Denied, "no signature"},
	{"another certificate", strings.ReplaceAll(classicNotary, "CERT", "ASKING-CERT"), "notarised", verdict.Denied, "signature"},
	{"whether it was revoked, only its authority knows", strings.ReplaceAll(classicNotary, "CERT", "ASKING-CERT"), "asking", verdict.DecisionUndecided, "revoked"},
	{"the certificate signed it, CEL", celNotary, "notarised", verdict.Allowed, ""},
	{"Notary has signed nothing, CEL", celNotary, "unsigned", verdict.Denied, "not signed"},
	{"another certificate, CEL", strings.ReplaceAll(celNotary, "CERT", "ASKING-CERT"), "notarised", verdict.Denied, "not signed"},
	{"whether it was revoked, only its authority knows, CEL", strings.ReplaceAll(celNotary, "CERT", "ASKING-CERT"), "asking", verdict.DecisionUndecided, "revoked"},
	{"nobody signed it, whatever Sigstore says, CEL", strings.Replace(celImages, "COSIGN", `{keyless: {identities: [{issuer: "https://issuer.test", subject: jane}]}}`, 1), "unsigned", verdict.Denied, "not signed"},
}

var classicNotary = strings.NewReplacer("ENTRY", `{certificates: {cert: CERT}}`, `- imageReferences`, `- type: Notary
      imageReferences`).Replace(classicImages)

var celNotary = strings.Replace(celImages, "cosign: COSIGN", `notary: {certs: {value: CERT}}`, 1)

const imageContext = `
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: made-by}
spec:
  background: false
  rules:
  - name: made-by
    match: {any: [{resources: {kinds: [Pod]}}]}
    context:
    - {name: data, imageRegistry: {reference: "{{ request.object.spec.containers[0].image }}"}}
    validate:
      failureAction: Enforce
      message: made by {{ data.configData.config.Labels."made-by" }}
      deny: {conditions: {any: [{key: '{{ data.configData.config.Labels."made-by" }}', operator: Equals, value: registrytest}]}}
`

const imageMetadata = `
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: made-by}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validationActions: [Deny]
  variables:
  - {name: data, expression: 'image.GetMetadata(object.spec.containers[0].image)'}
  validations:
  - expression: 'variables.data.config.config.Labels["made-by"] != "registrytest"'
    messageExpression: '"made by " + string(variables.data.config.config.Labels["made-by"])'
`

// Kyverno's own verification answers the same of a live registry and of what was recorded of it.
func TestImagesAreVerifiedByRecordedAnswers(t *testing.T) {
	s := newShelf(t)
	for _, c := range imageCases {
		live := s.judged(t, s.world(t, nil), Options{Registry: s}, c.policy, c.image)
		recorded := s.judged(t, s.world(t, s.heard), Options{}, c.policy, c.image)
		said := recorded.Message + recorded.Reason
		if recorded.Decision != c.decision || !strings.Contains(said, c.message) {
			t.Errorf("%s: %s: %s\nwant %s: %s", c.reason, recorded.Decision, said, c.decision, c.message)
		}
		if live.Decision != recorded.Decision || live.Message != recorded.Message || string(live.Patch) != string(recorded.Patch) {
			t.Errorf("%s: live %s: %s %s\nrecorded %s: %s %s", c.reason, live.Decision, live.Message, live.Patch, recorded.Decision, recorded.Message, recorded.Patch)
		}
	}
}

func TestAVerifiedImageIsPinned(t *testing.T) {
	s := newShelf(t)
	text := strings.Replace(classicImages, "ENTRY", byKey, 1)
	s.judged(t, s.world(t, nil), Options{Registry: s}, text, "signed")
	s.Stop()
	got := s.judged(t, s.world(t, s.heard), Options{}, text, "signed")
	if !strings.Contains(string(got.Patch), s.Host+"/shop/web:signed@"+s.signed) {
		t.Errorf("the patch does not pin the digest %s: %s", s.signed, got.Patch)
	}
}

// Without an answer nothing is decided, whichever is missing.
func TestAMissingAnswerLeavesItUndecided(t *testing.T) {
	s := newShelf(t)
	for _, text := range []string{strings.Replace(classicImages, "ENTRY", byKey, 1), imageContext, imageMetadata,
		strings.Replace(celImages, "COSIGN", `{key: {data: KEY}, ctlog: {insecureIgnoreTlog: true, insecureIgnoreSCT: true}}`, 1)} {
		clear(s.heard)
		whole := s.judged(t, s.world(t, nil), Options{Registry: s}, text, "signed")
		if none := s.judged(t, s.world(t, nil), Options{}, text, "signed"); none.Decision != verdict.DecisionUndecided || none.Reason != registryReason {
			t.Errorf("without any answer: %s %s", none.Decision, none.Reason)
		}
		for url := range s.heard {
			if strings.HasSuffix(url, "/v2/") {
				continue
			}
			for reason, put := range map[string]func(map[string]capture.RegistryAnswer){
				"not recorded": func(rest map[string]capture.RegistryAnswer) { delete(rest, url) },
				"denied": func(rest map[string]capture.RegistryAnswer) {
					rest[url] = capture.RegistryAnswer{URL: url, Failure: "denied"}
				},
			} {
				rest := map[string]capture.RegistryAnswer{}
				for other, a := range s.heard {
					rest[other] = a
				}
				put(rest)
				got := s.judged(t, s.world(t, rest), Options{}, text, "signed")
				same := got.Decision == whole.Decision && got.Message == whole.Message // the content is there by another name
				if got.Decision != verdict.DecisionUndecided && !same || got.Decision == verdict.DecisionUndecided && !strings.Contains(got.Reason, "recorded") {
					t.Errorf("%s %s: %s %s%s", url, reason, got.Decision, got.Message, got.Reason)
				}
			}
		}
	}
}
