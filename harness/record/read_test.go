package record

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

// index finds records by kind, namespace and name.
func index(t *testing.T, c *capture.Capture) map[string]*capture.Record {
	t.Helper()
	found := map[string]*capture.Record{}
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		name := r.Kind.Kind + " " + r.Namespace + "/" + r.Name
		if found[name] != nil && found[name].Kind == r.Kind {
			t.Errorf("%s is there twice", name)
		}
		found[name] = r
	}
	return found
}

func nameOf(t *testing.T, object json.RawMessage) string {
	t.Helper()
	var o struct {
		Kind     string
		Metadata struct{ Namespace, Name string }
	}
	if err := json.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	return o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// plain is the uncompressed file; without a zstd command, what a reader sees of it.
func plain(t *testing.T, c *capture.Capture) []byte {
	t.Helper()
	if content, err := exec.Command("zstd", "-dc", c.Path).Output(); err == nil {
		return content
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for _, r := range index(t, c) {
		_ = encoder.Encode(r)
	}
	for _, cluster := range c.Clusters {
		_ = encoder.Encode(c.World(cluster.Name).Objects(func(string, string) bool { return true }))
	}
	_ = encoder.Encode(c.Skipped)
	return out.Bytes()
}

// secretsStayOut looks for the value, as text and as base64.
func secretsStayOut(t *testing.T, c *capture.Capture) {
	t.Helper()
	content := plain(t, c)
	if !bytes.Contains(content, []byte("card-reader")) {
		t.Error("the Secret is not in the capture: nothing was tested")
	}
	for _, value := range []string{"herring-4711", "aGVycmluZy00NzEx"} {
		if bytes.Contains(content, []byte(value)) {
			t.Errorf("the capture holds %s", value)
		}
	}
}
