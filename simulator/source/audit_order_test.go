package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

// logWrite is an event of a log: the ConfigMap that a request left, and when it was answered.
type logWrite struct {
	at      int // milliseconds
	verb    string
	name    string
	uid     string
	version int // of the answer, which is what the object holds as well
}

func (w logWrite) id() string { return fmt.Sprintf("%s-%s-%d", w.verb, w.uid, w.version) }

func (w logWrite) line() string {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.at) * time.Millisecond).Format(time.RFC3339Nano)
	answer := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"namespace":"a","uid":%q,"resourceVersion":"%d"},"data":{"v":"%d"}}`, w.name, w.uid, w.version, w.version)
	request := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"namespace":"a"},"data":{"v":"%d"}}`, w.name, w.version)
	if w.verb == "delete" {
		answer, request = fmt.Sprintf(`{"apiVersion":"v1","kind":"Status","status":"Success","details":{"name":%q,"uid":%q}}`, w.name, w.uid), "null"
	}
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":%q,"stage":"ResponseComplete","verb":%q,"requestURI":"/api/v1/namespaces/a/configmaps","objectRef":{"apiVersion":"v1","namespace":"a","resource":"configmaps","name":%q},"responseStatus":{"code":%d},"requestReceivedTimestamp":"2026-01-01T00:00:00Z","stageTimestamp":%q,"requestObject":%s,"responseObject":%s}`,
		w.id(), w.verb, w.name, map[bool]int{true: 201, false: 200}[w.verb == "create"], at, request, answer) + "\n"
}

// lived is a life of some ConfigMaps, a write every 100 milliseconds: each is made, changed twice,
// deleted, and made again; two are there in the end.
func lived() (all []logWrite) {
	version := 100
	for i := range 58 {
		name, turn := fmt.Sprintf("c%d", i%3), i/3
		uid := fmt.Sprintf("%s-%d", name, turn/4)
		version++
		verb := []string{"create", "update", "update", "delete"}[turn%4]
		all = append(all, logWrite{at: i * 100, verb: verb, name: name, uid: uid, version: version})
	}
	return all
}

func logOf(t *testing.T, dir, name string, writes []logWrite) string {
	t.Helper()
	var log strings.Builder
	for _, w := range writes {
		log.WriteString(w.line())
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told is what the records of a capture tell, and its world, without where they were read.
func told(t *testing.T, c *capture.Capture) string {
	t.Helper()
	var all []string
	for _, r := range records(t, c) {
		all = append(all, fmt.Sprintf("%s %s %v %s from %s left %s", line(r), r.Origin.ID, r.Missing, r.Object, r.OldObject, r.Left))
	}
	objects, _ := c.World("c").Latest().List(capture.GVR{Version: "v1", Resource: "configmaps"}, "")
	for _, o := range objects {
		all = append(all, "world "+string(o.Object))
	}
	return strings.Join(all, "\n")
}

// TestOrderOfLogs reads one life from the logs of three servers, newest first, in any order, and in pieces:
// it is the same.
func TestOrderOfLogs(t *testing.T) {
	dir, all := t.TempDir(), lived()
	whole, _ := audit(t, nil, logOf(t, dir, "whole.log", all))
	want := told(t, whole)
	if strings.Contains(want, "-oldObject") || !strings.Contains(want, `"data":{"v":"107"}`) || strings.Count(want, "world ") != 2 {
		t.Fatalf("the log in order is not understood:\n%s", want)
	}
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	var shuffled []logWrite
	for i := range all {
		shuffled = append(shuffled, all[i*37%len(all)])
	}
	var servers [3][]logWrite
	var skewed [3][]logWrite
	for i, w := range all {
		s := i * i / 4 % 3
		servers[s] = append(servers[s], w)
		w.at += []int{0, -350, 350}[s] // their clocks differ
		skewed[s] = append(skewed[s], w)
	}
	several := func(name string, logs [3][]logWrite) (files []string) {
		for i, log := range logs {
			files = append(files, logOf(t, dir, fmt.Sprintf("%s-%d.log", name, i), log))
		}
		return files
	}
	apart := several("server", servers)
	turned := slices.Clone(apart)
	slices.Reverse(turned)
	for name, files := range map[string][]string{
		"backwards": {logOf(t, dir, "backwards.log", backwards)},
		"shuffled":  {logOf(t, dir, "shuffled.log", shuffled)},
		"servers":   apart,
		"turned":    turned,
		"twice":     append(slices.Clone(apart), turned...),
		"pieces":    {logOf(t, dir, "b.log", all[20:40]), logOf(t, dir, "c.log", all[:20]), logOf(t, dir, "a.log", all[40:])},
	} {
		c, sum := audit(t, nil, files...)
		if diff := cmp.Diff(want, told(t, c)); diff != "" || sum.Audit.Late+sum.Audit.Timeless > 0 {
			t.Errorf("%s: %+v (-want +got):\n%s", name, sum.Audit, diff)
		}
	}
	c, _ := audit(t, nil, several("skewed", skewed)...)
	stale(t, records(t, c), all)
	got := records(t, c)
	before := 0
	for _, r := range got {
		if r.OldObject != nil {
			before++
		}
	}
	if before < 40 {
		t.Errorf("of logs whose clocks differ by less than a second, %d objects before are known", before)
	}
}

// stale fails for records whose object before is not the one that was.
func stale(t *testing.T, got []*capture.Record, all []logWrite) {
	t.Helper()
	before, last := map[string]string{}, map[string]string{}
	for _, w := range all {
		before[w.id()] = last[w.name]
		if last[w.name] = fmt.Sprintf(`"resourceVersion":"%d"`, w.version); w.verb == "delete" {
			last[w.name] = ""
		}
	}
	if len(got) != len(all) {
		t.Errorf("%d records of %d writes", len(got), len(all))
	}
	for _, r := range got {
		if was := before[r.Origin.ID]; r.OldObject != nil && (was == "" || !strings.Contains(string(r.OldObject), was)) {
			t.Errorf("%s: before it was %q, not %s", r.Origin.ID, was, r.OldObject)
		}
	}
}

// TestLateEvents reads a log from a pipe, which cannot be put in order: what comes late is not taken for the
// latest, and what was before it is missing.
func TestLateEvents(t *testing.T) {
	var log strings.Builder
	for _, one := range []logWrite{
		{0, "create", "c", "u", 7}, {100_000, "update", "c", "u", 9}, {110_000, "create", "d", "v", 10}, {50_000, "update", "c", "u", 8},
	} {
		log.WriteString(one.line())
	}
	out := filepath.Join(t.TempDir(), "out.capture")
	w, err := capture.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Audit(t.Context(), w, capture.Cluster{Name: "c"}, []string{"-"}, nil, strings.NewReader(log.String()), false)
	if err != nil {
		t.Fatal(err)
	}
	all := records(t, closed(t, w, out))
	last := all[len(all)-1]
	if sum.Audit.Late != 1 || last.OldObject != nil || !last.Lacks(capture.MissingOldObject) || !strings.Contains(string(last.Left), `"resourceVersion":"9"`) {
		t.Errorf("%+v: %s from %s left %s", sum.Audit, line(last), last.OldObject, last.Left)
	}
}
