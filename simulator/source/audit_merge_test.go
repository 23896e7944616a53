package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogsOfSeveralServers are put together by the times at which requests were over, in whichever order they are given.
func TestLogsOfSeveralServers(t *testing.T) {
	dir := t.TempDir()
	server := func(name string, events ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(events, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	event := func(second int, verb, value string) string {
		object := configMap("c", "x", value)
		return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%d","stage":"ResponseComplete","verb":%q,"stageTimestamp":"2026-11-20T10:00:%02dZ","requestReceivedTimestamp":"2026-11-20T09:00:00Z","objectRef":{"apiVersion":"v1","namespace":"a","resource":"configmaps","name":"c"},"responseStatus":{"code":200},"requestObject":%s,"responseObject":%s}`,
			second, verb, second, object, object)
	}
	one := server("one.log", event(1, "create", "1"), "no event", event(4, "update", "4"))
	two := server("two.log", event(2, "update", "2"), event(3, "update", "3"), event(5, "delete", "5"))
	for _, files := range [][]string{{one, two}, {two, one}, {dir}} {
		c, sum := audit(t, nil, files...)
		var all []string
		for _, r := range records(t, c) {
			var old string
			if r.OldObject != nil {
				data, _ := decodeObject(r.OldObject)["data"].(map[string]any)
				old = text(data, "v")
			}
			all = append(all, r.Origin.ID+" was "+old)
		}
		if got := strings.Join(all, ", "); got != "1 was , 2 was 1, 3 was 2, 4 was 3, 5 was 4" || len(sum.Skipped) != 1 || sum.Skipped[0].Line != 2 || sum.Files != 2 {
			t.Errorf("%v: %s; skipped %v of %d files", files, got, sum.Skipped, sum.Files)
		}
	}
}
