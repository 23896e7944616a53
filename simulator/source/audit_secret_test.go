package source

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/capture/capturetest"
)

// What stands for values of Secrets: as they are, in base64, in base64 of gzip.
const (
	plainValue   = "topsecret-1"
	base64Value  = "dG9wc2VjcmV0LTE="
	gzippedValue = "H4sIAAAAAAAAAyvJLyhOTS5KLdE1BADmKoVDCwAAAA=="
)

var (
	secretNotes = `{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"p\":\"topsecret-1\"}}","kapp.k14s.io/original":"{\"kind\": \"Secret\", \"x\":\"topsecret-1\"}","kopf.zalando.org/last-handled-configuration":"{\"stringData\":{\"p\":\"topsecret-1\"}}","yaml":"kind: Secret\nx: topsecret-1","objectset.rio.cattle.io/applied":"topsecret-1","other":"` + gzippedValue + `"}`
	secretMeta  = `"metadata":{"name":"x","namespace":"a","uid":"u","annotations":` + secretNotes + `}`
	secretBody  = secretMeta + `,"type":"Opaque","data":{"p":"dG9wc2VjcmV0LTE=","n":null},"stringData":{"q":"topsecret-1"},"unknown":{"r":["topsecret-1"]}`
	tokenNote   = `"metadata":{"name":"x","namespace":"a","annotations":{"openshift.io/token-secret.value":"topsecret-1","value":"is topsecret-1","base64":"dG9wc2VjcmV0LTE="}}`
	secretKinds = `"apiVersion":"v1","kind":"Secret",`
	rowOf       = func(object string) string {
		return `{"cells":["topsecret-1"],"object":{` + object + `}}`
	}
)

// secretBodies are the forms in which a Secret is sent, patched, answered and listed.
var secretBodies = []string{
	`{` + secretKinds + secretBody + `}`,
	`{` + secretKinds + tokenNote + `,"data":{"p":"dG9wc2VjcmV0LTE="}}`,
	`{` + secretBody + `}`,
	`{"apiVersion":"v1","kind":"Other",` + secretBody + `}`,
	`{"apiVersion":"v1","kind":"SecretList","items":[{` + secretBody + `}]}`,
	`{"apiVersion":"v1","kind":"List","items":[{` + secretKinds + secretBody + `},{` + secretBody + `},"topsecret-1"]}`,
	`{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",` + secretMeta + `}`,
	`{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadataList","items":[{` + secretMeta + `}]}`,
	`{"apiVersion":"meta.k8s.io/v1","kind":"Table","rows":[` + rowOf(`"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",`+secretMeta) + `,` + rowOf(secretBody) + `,{"cells":["topsecret-1"]}]}`,
	`{"data":{"p":"dG9wc2VjcmV0LTE="},"$patch":"replace"}`,
	`{"data":"topsecret-1","stringData":["topsecret-1"],"metadata":{"annotations":"topsecret-1"}}`,
	`{"metadata":"topsecret-1","items":"topsecret-1","rows":{"a":"topsecret-1"}}`,
	`[{"op":"replace","path":"/data","value":{"p":"dG9wc2VjcmV0LTE="}},{"op":"add","path":"/stringData","value":{"p":"topsecret-1"}}]`,
	`[{"op":"add","path":"/data/new","value":"dG9wc2VjcmV0LTE="},{"op":"add","path":"/stringData/a~1b","value":"topsecret-1"}]`,
	`[{"op":"add","path":"/metadata/annotations","value":` + secretNotes + `},{"op":"add","path":"","value":{` + secretBody + `}}]`,
	`[{"op":"add","path":"/unknown","value":"topsecret-1"},{"op":"replace","path":"","value":"topsecret-1"}]`,
	`{"apiVersion":"v1","kind":"Status","status":"Failure","message":"Invalid value: map[p:topsecret-1]","details":{"causes":[{"message":"topsecret-1"}]},"code":422}`,
	`"topsecret-1"`,
}

// holders are objects of other kinds that hold Secrets.
var holders = []string{
	`{"apiVersion":"work.open-cluster-management.io/v1","kind":"ManifestWork","metadata":{"name":"w","namespace":"a","annotations":` + `{"was":"{\"kind\": \"Secret\",\"x\":\"topsecret-1\"}"}` + `},"spec":{"workload":{"manifests":[{` + secretKinds + secretBody + `}]}}}`,
	`{"apiVersion":"kyverno.io/v2","kind":"UpdateRequest","metadata":{"name":"w","namespace":"a"},"spec":{"context":{"admissionRequestInfo":{"admissionRequest":{"oldObject":{` + secretKinds + secretBody + `}}}}}}`,
	`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","metadata":{"name":"w"},"status":{"token":"topsecret-1"}}`,
	`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","metadata":{"name":"w"},"spec":{"token":"topsecret-1"}}`,
}

// secretEvents is a log of every kind of request, with every body, and every answer.
func secretEvents() (events []string) {
	add := func(verb, path, group, resource, name, request, answer string, code int) {
		events = append(events, fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%d","stage":"ResponseComplete","verb":%q,"requestURI":%q,"user":{"username":"u"},"objectRef":{"apiGroup":%q,"apiVersion":"v1","namespace":"a","resource":%q,"name":%q},"responseStatus":{"code":%d,"message":%q},"requestObject":%s,"responseObject":%s}`,
			len(events), verb, path, group, resource, name, code, map[bool]string{true: "admission webhook \"w\" denied the request: topsecret-1"}[code >= 400], request, answer))
	}
	for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection"} {
		for _, code := range []int{200, 201, 403} {
			for _, one := range secretBodies {
				request := one
				if strings.HasPrefix(verb, "delete") {
					request = `{"apiVersion":"v1","kind":"DeleteOptions"}`
					if one != secretBodies[0] {
						continue
					}
				}
				for _, answer := range append(secretBodies, "null") {
					add(verb, "/api/v1/namespaces/a/secrets/x", "", "secrets", "x", request, answer, code)
				}
				add(verb, "/apis/c.io/v1/clusters/m/proxy/api/v1/namespaces/a/secrets/x", "c.io", "clusters", "m", request, one, code)
			}
			for _, one := range holders {
				add(verb, "/apis/h.io/v1/namespaces/a/holders/w", "h.io", "holders", "w", one, one, code)
				add(verb, "/apis/h.io/v1/namespaces/a/holders/w", "h.io", "holders", "w", `[{"op":"replace","path":"","value":`+one+`}]`, one, code)
				add(verb, "/apis/h.io/v1/namespaces/a/holders", "h.io", "holders", "", one, `{"apiVersion":"h.io/v1","kind":"HolderList","items":[`+one+`]}`, code)
			}
		}
	}
	return events
}

// inside is all that a capture of a log holds, and its records.
func inside(t *testing.T, log string, world ...string) (string, []*capture.Record) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.capture")
	name := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(name, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := capture.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Audit(t.Context(), w, capture.Cluster{Name: "c"}, []string{name}, world, nil, false); err != nil {
		w.Abort()
		t.Fatal(err)
	}
	c := closed(t, w, out)
	return capturetest.Text(t, out), records(t, c)
}

// TestSecretsOfLogsStayOut writes a value of a Secret into everything that may hold one, of every request.
func TestSecretsOfLogsStayOut(t *testing.T) {
	events := secretEvents()
	world := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(world, []byte(strings.Join(slices.Concat(secretBodies[:2], secretBodies[4:5], holders), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var some, shipped []string
	for i := 0; i < len(events); i += 7 {
		e := events[i]
		some = append(some, e)
		quoted, _ := json.Marshal(e)
		shipped = append(shipped, `{"log":`+string(quoted)+`}`)
	}
	for name, log := range map[string]string{
		"lines":   strings.Join(events, "\n"),
		"list":    `{"apiVersion":"audit.k8s.io/v1","kind":"EventList","items":[` + strings.Join(some, ",") + `]}`,
		"shipped": strings.Join(shipped, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			content, all := inside(t, log, world)
			if len(all) < len(some)/2 {
				t.Errorf("%d records of %d events", len(all), len(events))
			}
			for _, line := range strings.Split(content, "\n") {
				for _, value := range []string{plainValue, base64Value, gzippedValue} {
					if strings.Contains(line, value) {
						t.Fatalf("%s is in %s", value, line)
					}
				}
			}
		})
	}
}

// TestSecretsKeepTheRest patches a Secret whose values are not known: what is no value stays.
func TestSecretsKeepTheRest(t *testing.T) {
	const x = "/api/v1/namespaces/a/secrets/x"
	stored := `{` + secretKinds + `"metadata":{"name":"x","namespace":"a","uid":"u","labels":{"l":"1"},"annotations":{"note":"stays"}},"type":"Opaque","data":{"p":"dG9wc2VjcmV0LTE=","q":"dG9wc2VjcmV0LTE="}}`
	c, _ := audit(t, nil, logged(t,
		[4]string{"create", "/api/v1/namespaces/a/secrets", stored, stored},
		[4]string{"patch", x, `{"data":{"p":null}}`, `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"x","namespace":"a","uid":"u","labels":{"l":"2"}}}`},
		[4]string{"patch", x, `[{"op":"test","path":"/data/q","value":"dG9wc2VjcmV0LTE="},{"op":"add","path":"/data/n","value":"dG9wc2VjcmV0LTE="},{"op":"add","path":"/metadata/annotations","value":{"note":"new"}}]`, `null`},
	))
	want := []string{
		`{"apiVersion":"v1","data":{"p":"UkVEQUNURUQ=","q":"UkVEQUNURUQ="},"kind":"Secret","metadata":{"annotations":{"note":"stays"},"labels":{"l":"1"},"name":"x","namespace":"a","uid":"u"},"type":"Opaque"}`,
		`{"apiVersion":"v1","data":{"q":"UkVEQUNURUQ="},"kind":"Secret","metadata":{"annotations":{"note":"stays"},"labels":{"l":"1"},"name":"x","namespace":"a","uid":"u"},"type":"Opaque"}`,
	}
	all := records(t, c)
	for i, r := range all {
		if !r.Redacted || r.Kind.Kind != "Secret" || i < len(want) && string(r.Object) != want[i] {
			t.Errorf("%s is\n%s", line(r), r.Object)
		}
	}
}

// TestRefusalsOfSecrets keep who refused, and nothing that may quote a value.
func TestRefusalsOfSecrets(t *testing.T) {
	for message, want := range map[string]string{
		`admission webhook "w" denied the request: it is topsecret-1`:                                          `admission webhook "w": REDACTED`,
		`secrets "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: topsecret-1`: `ValidatingAdmissionPolicy 'p': REDACTED`,
		`Secret "x" is invalid: patch: Invalid value: "map[data:map[p:topsecret-1]]"`:                          `REDACTED`,
	} {
		quoted, _ := json.Marshal(message)
		_, all := inside(t, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","stage":"ResponseComplete","verb":"update","objectRef":{"apiVersion":"v1","namespace":"a","resource":"secrets","name":"x"},"responseStatus":{"code":403},"responseObject":{"apiVersion":"v1","kind":"Status","reason":"Forbidden","code":403,"message":`+string(quoted)+`}}`)
		if got := all[0].Response; got.Message != want || got.Reason != "Forbidden" || got.Code != 403 {
			t.Errorf("%s is told as %+v", message, got)
		}
	}
}
