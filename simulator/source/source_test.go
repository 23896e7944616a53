package source

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

// manifests captures files and returns the opened capture.
func manifests(t *testing.T, paths ...string) (*capture.Capture, Summary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.capture")
	w, err := capture.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Manifests(t.Context(), w, capture.Cluster{Name: "c"}, paths, strings.NewReader(""), false)
	if err != nil {
		w.Abort()
		t.Fatal(err)
	}
	return closed(t, w, out), sum
}

func closed(t *testing.T, w *capture.Writer, out string) *capture.Capture {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := capture.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func audit(t *testing.T, world []string, files ...string) (*capture.Capture, Summary) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.capture")
	w, err := capture.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Audit(t.Context(), w, capture.Cluster{Name: "c"}, files, world, strings.NewReader(""), false)
	if err != nil {
		w.Abort()
		t.Fatal(err)
	}
	return closed(t, w, out), sum
}

func records(t *testing.T, c *capture.Capture) []*capture.Record {
	t.Helper()
	var all []*capture.Record
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// line says what a record is, in one line.
func line(r *capture.Record) string {
	parts := []string{string(r.Operation), r.Kind.Kind}
	if r.SubResource != "" {
		parts[1] += "/" + r.SubResource
	}
	parts = append(parts, r.Namespace+"/"+r.Name)
	if r.Owner != nil {
		parts = append(parts, "of "+r.Owner.Kind+"/"+r.Owner.Name)
	}
	if r.Live {
		parts = append(parts, "live")
	}
	if r.Redacted {
		parts = append(parts, "redacted")
	}
	if r.DryRun {
		parts = append(parts, "dry")
	}
	if r.User.Username != "" {
		parts = append(parts, "by "+r.User.Username)
	}
	for _, m := range r.Missing {
		if m != capture.MissingUser {
			parts = append(parts, "-"+string(m))
		}
	}
	return strings.Join(parts, " ")
}

func lines(t *testing.T, c *capture.Capture) string {
	t.Helper()
	var all []string
	for _, r := range records(t, c) {
		all = append(all, line(r))
	}
	return strings.Join(all, "\n") + "\n"
}

func TestManifests(t *testing.T) {
	c, sum := manifests(t, "testdata/manifests")
	want, err := os.ReadFile("testdata/manifests.want")
	if err != nil {
		t.Fatal(err)
	}
	var skipped []string
	for _, s := range sum.Skipped {
		skipped = append(skipped, "skipped "+filepath.Base(s.File)+":"+itoa(s.Line)+" "+s.Reason)
	}
	got := lines(t, c) + strings.Join(skipped, "\n") + "\n"
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/manifests (-want +got):\n%s", diff)
	}
	if sum.NonObjects != 2 {
		t.Errorf("documents that are no objects: %d, want 2 (values, kustomization)", sum.NonObjects)
	}
}

// What is too large for a capture is told of when it is written, not when it is read.
func TestTooLarge(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.yaml")
	content := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {x: " + strings.Repeat("x", capture.MaxObject) + "}\n"
	if err := os.WriteFile(large, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c, sum := manifests(t, large)
	if len(records(t, c)) != 1 || len(sum.Skipped) != 1 || sum.Skipped[0].Line != 5 || !strings.Contains(sum.Skipped[0].Reason, "ConfigMap is larger than 16 MiB") {
		t.Errorf("skipped %+v", sum.Skipped)
	}
}

func itoa(n int) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

func TestAudit(t *testing.T) {
	c, sum := audit(t, []string{"testdata/audit-world.yaml"}, "testdata/audit.jsonl")
	want, err := os.ReadFile("testdata/audit.want")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), lines(t, c)); diff != "" {
		t.Errorf("testdata/audit.jsonl (-want +got):\n%s", diff)
	}
	a := sum.Audit
	if a.Reads != 1 || a.AsSent != 2 || a.AsAnswered != 1 || a.Duplicates != 1 || a.OtherStages != 1 || len(sum.Skipped) != 1 || a.DryRun != 1 || a.Failed != 1 {
		t.Errorf("counts %+v, skipped %v", a, sum.Skipped)
	}
	all := records(t, c)
	for _, r := range all {
		if r.Origin.ID == "a-3" && (!strings.Contains(string(r.Object), `"image":"web:2"`) || !strings.Contains(string(r.OldObject), `"image":"web:1"`)) {
			t.Errorf("a JSON patch was not applied to the state before: %s to %s", r.OldObject, r.Object)
		}
		if r.Origin.ID == "a-4" && (r.Object != nil || !strings.Contains(string(r.OldObject), `"image":"web:2"`) || !r.Lacks(capture.MissingStored)) {
			t.Errorf("what a patch without answer left is known only as it was patched: %s to %s", r.OldObject, r.Object)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	c, _ := manifests(t, "testdata/manifests")
	for _, secret := range []string{"hunter2", base64.StdEncoding.EncodeToString([]byte("hunter2")), "s3cr3t-token"} {
		for _, r := range records(t, c) {
			if strings.Contains(string(r.Object), secret) {
				t.Errorf("%s holds %q", line(r), secret)
			}
		}
		for _, o := range c.World("c").Objects(func(string, string) bool { return true }) {
			if strings.Contains(string(o.Object), secret) {
				t.Errorf("the world holds %q", secret)
			}
		}
	}
}

const shared = "../../../shared/corpus"

// TestCorpus captures real input that nobody on the project wrote, where it is present.
func TestCorpus(t *testing.T) {
	sources, err := filepath.Glob(shared + "/workloads/*")
	if err != nil || len(sources) == 0 {
		t.Skip("no corpus here")
	}
	for _, source := range sources {
		t.Run(filepath.Base(source), func(t *testing.T) {
			c, sum := manifests(t, source)
			if int64(sum.Objects) != c.End.Records || sum.Objects == 0 {
				t.Errorf("%d objects, %d records", sum.Objects, c.End.Records)
			}
			for _, r := range records(t, c) {
				if r.Kind.Kind == "Secret" {
					onlyPlaceholders(t, r)
				}
			}
		})
	}
}

func onlyPlaceholders(t *testing.T, r *capture.Record) {
	t.Helper()
	var secret struct {
		Data       map[string]string `json:"data"`
		StringData map[string]string `json:"stringData"`
	}
	if err := json.Unmarshal(r.Object, &secret); err != nil {
		t.Errorf("%s: %v", line(r), err)
	}
	for key, value := range secret.Data {
		if value != capture.HiddenBase64 {
			t.Errorf("%s: data %s was not replaced", line(r), key)
		}
	}
	for key, value := range secret.StringData {
		if value != capture.Hidden {
			t.Errorf("%s: stringData %s was not replaced", line(r), key)
		}
	}
}

// TestPatchesAgreeWithAnswers checks, on a real log, that patches applied to the followed
// state give what the API server answered, wherever both are known.
func TestPatchesAgreeWithAnswers(t *testing.T) {
	log := shared + "/audit/mixed-cluster.request-response.jsonl"
	if _, err := os.Stat(log); err != nil {
		t.Skip("no corpus here")
	}
	c, sum := audit(t, nil, log)
	if sum.Audit.Complete < 1500 {
		t.Errorf("complete records: %d, want most of the log", sum.Audit.Complete)
	}
	answers := map[string]map[string]any{}
	err := eachEvent(log, nil, func(e *event, _ int) error {
		if e.Verb == "patch" && e.succeeded() {
			answers[e.AuditID], _ = (&event{}).body(e.ResponseObject)
		}
		return nil
	}, func(line int, reason string) { t.Errorf("%d: %s", line, reason) })
	if err != nil {
		t.Fatal(err)
	}
	patches := 0
	for _, r := range records(t, c) {
		answer := answers[r.Origin.ID]
		if answer == nil || r.Lacks(capture.MissingSent) {
			continue
		}
		patches++
		if made := decodeObject(r.Object); !within(made, answered(answer, decodeObject(r.OldObject))) {
			t.Errorf("%s of %s:\n%s", line(r), r.Origin.ID, cmp.Diff(answer, made))
		}
	}
	if patches < 50 {
		t.Errorf("%d patches agree with their answers, want most of the log's", patches)
	}
}

// within tells whether a value has nothing that another has not: defaults are added to it later.
func within(some, all any) bool {
	switch some := some.(type) {
	case map[string]any:
		in, ok := all.(map[string]any)
		for key, value := range some {
			ok = ok && within(value, in[key])
		}
		return ok
	case []any:
		in, ok := all.([]any)
		ok = ok && len(in) == len(some)
		for i := 0; ok && i < len(some); i++ {
			ok = within(some[i], in[i])
		}
		return ok
	}
	return some == all
}

// Numbers that no floating number holds are captured as they were sent, patched and kept.
func TestLargeIntegersStayAsTheyAre(t *testing.T) {
	const thing = `{"apiVersion":"seatrial.test/v1","kind":"Thing","metadata":{"name":"t","namespace":"a"},"spec":{"size":9007199254740993}}`
	event := func(verb, object, patch string) string {
		return `{"apiVersion":"audit.k8s.io/v1","kind":"Event","level":"RequestResponse","auditID":"` + verb + `","stage":"ResponseComplete","verb":"` + verb +
			`","user":{"username":"dev"},"objectRef":{"resource":"things","name":"t","apiVersion":"v1","apiGroup":"seatrial.test","namespace":"a"},` +
			`"responseStatus":{"code":200},"requestURI":"/","requestObject":` + patch + `,"responseObject":` + object + `}`
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	yaml, _ := manifests(t, write("t.yaml", "apiVersion: seatrial.test/v1\nkind: Thing\nmetadata: {name: t, namespace: a}\nspec: {size: 9007199254740993}\n"))
	list := "{\"apiVersion\":\"audit.k8s.io/v1\",\"kind\":\"EventList\",\n\"items\":[" + event("create", thing, thing) + ",\n" + event("patch", "null", `{"spec":{"m":1}}`) + "]}"
	log, _ := audit(t, nil, write("audit.log", list))
	for _, r := range append(records(t, yaml), records(t, log)...) {
		if !strings.Contains(string(r.Object), `"size":9007199254740993`) {
			t.Errorf("%s has %s", line(r), r.Object)
		}
		if r.Operation == capture.Update && !strings.Contains(string(r.OldObject), `"size":9007199254740993`) {
			t.Errorf("%s had %s", line(r), r.OldObject)
		}
	}
}
