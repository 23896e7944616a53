package placement

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/policy"
)

// rolloutVectors is a file of cases. Objects are written once and named by the cases.
type rolloutVectors struct {
	Objects map[string]json.RawMessage   `json:"objects"`
	Fleet   map[string]map[string]string `json:"fleet"` // labels by member; of cases that name no fleet
	Cases   []rolloutCase                `json:"cases"`
}

// rolloutCase is a change of a hub and what KubeFleet makes of it.
type rolloutCase struct {
	Name    string                       `json:"name"`
	Rule    string                       `json:"rule"` // of KubeFleet, in words
	Release Release                      `json:"release"`
	Fleet   map[string]map[string]string `json:"fleet"`
	History [][]string                   `json:"history"` // hubs before, the oldest first
	Before  []string                     `json:"before"`  // names of objects
	After   []string                     `json:"after"`
	Events  []string                     `json:"events"`
	// Installed are objects that members have already, by member.
	Installed map[string][]string `json:"installed"`
	// Namespaces are all that members have, by member; without it nothing is known.
	Namespaces map[string][]string `json:"namespaces"`

	Stages   []string            `json:"stages"`   // after the first: "name @time: clusters", then needs in brackets
	Holds    map[string][]string `json:"holds"`    // what members have in the end
	At       map[string][]string `json:"at"`       // the same after a stage: "stage name / member"
	Objects  map[string]any      `json:"content"`  // content of objects in the end: "member Kind/name /path": value
	Stale    map[string]string   `json:"stale"`    // a part of why members have old objects
	Notes    []string            `json:"notes"`    // parts of stages' notes, in any order
	Warnings []string            `json:"warnings"` // "code: members", of those in these files
	Runs     []string            `json:"runs"`     // "name #index reason[: part of the message]"
	Problems []string            `json:"problems"` // parts of why objects are refused
	Index    map[string]int      `json:"index"`    // latest resource snapshot by placement
}

// rolloutFiles are the files of cases about rollouts, by area.
func rolloutFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{"snapshots", "overrides", "rolling", "apply", "staged", "evictions", "plan"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, files...)
	}
	return out
}

func TestRolloutVectors(t *testing.T) {
	count := 0
	for _, file := range rolloutFiles(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v rolloutVectors
		// Not UnmarshalStrict, which refuses to change a key of a merged mapping.
		converted, err := yaml.YAMLToJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(converted))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range v.Cases {
			count++
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml")+"/"+c.Name, func(t *testing.T) {
				if c.Rule == "" {
					t.Fatal("the case names no rule")
				}
				if c.Fleet == nil {
					c.Fleet = v.Fleet
				}
				c.check(t, v.Objects)
			})
		}
	}
	if count < 110 {
		t.Errorf("%d cases are left, want 110 and more", count)
	}
}

func (c rolloutCase) check(t *testing.T, objects map[string]json.RawMessage) {
	plan := c.plan(t, objects)
	checkPlan(t, plan)
	again, err := json.Marshal(c.plan(t, objects))
	if err != nil {
		t.Fatal(err)
	}
	if first, err := json.Marshal(plan); err != nil || !bytes.Equal(first, again) {
		t.Errorf("two plans of one question differ (%v)", err)
	}
	got := rolloutCase{Stages: []string{}}
	for _, s := range plan.Stages[1:] {
		got.Stages = append(got.Stages, describeStage(s))
	}
	if c.Stages != nil {
		differ(t, "stages", c.Stages, got.Stages)
	}
	last := plan.Stages[len(plan.Stages)-1]
	for member, want := range c.Holds {
		differ(t, "holds of "+member, want, describeState(last.States[member]))
	}
	for where, want := range c.At {
		name, member, _ := strings.Cut(where, " / ")
		i := slices.IndexFunc(plan.Stages, func(s Stage) bool { return s.Name == name })
		if i < 0 {
			t.Errorf("no stage %q", name)
			continue
		}
		differ(t, "at "+where, want, describeState(plan.Stages[i].States[member]))
	}
	c.checkContent(t, last)
	c.checkWords(t, plan)
}

// checkPlan holds what is true of every plan: time goes on, and the clusters of a stage
// are exactly those whose objects change in it.
func checkPlan(t *testing.T, plan *Plan) {
	t.Helper()
	if len(plan.Stages) == 0 || plan.Stages[0].Name != "before" || len(plan.Stages[0].Clusters) > 0 {
		t.Fatal("a plan begins with what is there before")
	}
	for i, s := range plan.Stages[1:] {
		before := plan.Stages[i]
		if s.At < before.At || s.Name == "" {
			t.Errorf("stage %q at %s follows %q at %s", s.Name, s.At, before.Name, before.At)
		}
		for _, member := range sortedKeys(s.States) {
			was := before.States[member]
			changed := was == nil && len(s.States[member].Delivered) > 0 || was != nil && !sameObjects(was, s.States[member])
			if changed != slices.Contains(s.Clusters, member) {
				t.Errorf("stage %q: %s changes: %v, its clusters: %v", s.Name, member, changed, s.Clusters)
			}
		}
	}
}

func (c rolloutCase) checkContent(t *testing.T, last Stage) {
	for where, want := range c.Objects {
		parts := strings.Fields(where)
		if len(parts) != 3 {
			t.Fatalf("content: want MEMBER KIND/NAME PATH, got %q", where)
		}
		got := "no such object"
		for _, d := range last.States[parts[0]].Delivered {
			if d.Object.Kind+"/"+d.Object.Name == parts[1] {
				got = at(d.Object.JSON, parts[2])
			}
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		differ(t, where, string(text), got)
	}
}

func (c rolloutCase) checkWords(t *testing.T, plan *Plan) {
	last := plan.Stages[len(plan.Stages)-1]
	for member, want := range c.Stale {
		var reasons []string
		for _, d := range last.States[member].Delivered {
			reasons = append(reasons, d.Stale)
		}
		if text := strings.Join(reasons, "\n"); !strings.Contains(text, want) || want == "" && strings.TrimSpace(text) != "" {
			t.Errorf("stale of %s: got %q, want %q in it", member, text, want)
		}
	}
	var notes []string
	for _, s := range plan.Stages {
		notes = append(notes, s.Name+": "+s.Note)
	}
	for _, want := range c.Notes {
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note has %q:\n%s", want, strings.Join(notes, "\n"))
		}
	}
	for _, want := range c.Warnings {
		c.checkWarning(t, plan, want)
	}
	var runs []string
	for _, p := range plan.Placements {
		if want, ok := c.Index[p.Name]; ok && want != p.Index {
			t.Errorf("index of %s: got %d, want %d", p.Name, p.Index, want)
		}
		for _, r := range p.Runs {
			runs = append(runs, strings.TrimSuffix(fmt.Sprintf("%s #%d %s: %s", r.Name, r.Index, r.Condition.Reason, cmp.Or(strings.Join(r.Assumed, ", "), r.Waiting)), ": "))
		}
	}
	if c.Runs != nil {
		differ(t, "runs", c.Runs, runs)
	}
}

// checkWarning looks for "code: member, member", perhaps with "~ a part of the text", or,
// with a "-", for the absence of a code.
func (c rolloutCase) checkWarning(t *testing.T, plan *Plan, want string) {
	var all []string
	absent := strings.HasPrefix(want, "-")
	want, part, _ := strings.Cut(strings.TrimPrefix(want, "-"), " ~ ")
	found := false
	for _, w := range plan.Warnings {
		text := strings.TrimSuffix(w.Code+": "+strings.Join(w.Members, ", "), ": ")
		all = append(all, text+" ("+w.Text+")")
		found = found || text == want && strings.Contains(w.Text, part) || absent && w.Code == want
	}
	if found == absent {
		t.Errorf("warning %q, absent %v; there are\n%s", want, absent, strings.Join(all, "\n"))
	}
}

var vectorsAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (c rolloutCase) plan(t *testing.T, objects map[string]json.RawMessage) *Plan {
	t.Helper()
	opt := Options{KubeFleet: c.Release, At: vectorsAt}
	var members []*Member
	for _, name := range sortedKeys(c.Fleet) {
		members = append(members, NewMember(name, c.Fleet[name]))
	}
	q := Question{Members: members, After: rolloutHub(t, "after", c.After, objects, opt)}
	if c.Before != nil {
		q.Before = rolloutHub(t, "before", c.Before, objects, opt)
	}
	for _, names := range c.History {
		q.History = append(q.History, rolloutHub(t, "history", names, objects, opt))
	}
	for _, text := range c.Events {
		e, err := ParseEvent(text)
		if err != nil {
			t.Fatal(err)
		}
		q.Events = append(q.Events, e)
	}
	for _, member := range sortedKeys(c.Installed) {
		if q.Installed == nil {
			q.Installed = map[string]*policy.Set{}
		}
		set := policy.FromObjects("installed", nil)
		set.Objects = objectsOf(t, c.Installed[member], objects)
		q.Installed[member] = set
	}
	if c.Namespaces != nil {
		q.Namespaces = func(member, namespace string) (there, known bool) {
			return slices.Contains(c.Namespaces[member], namespace), true
		}
	}
	plan, err := KubeFleet{opt}.Plan(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Problems) != len(c.Problems) {
		t.Errorf("problems: got %+v, want %d", plan.Problems, len(c.Problems))
	}
	for _, want := range c.Problems {
		if !slices.ContainsFunc(plan.Problems, func(p policy.Problem) bool { return strings.Contains(p.Policy+": "+p.Reason, want) }) {
			t.Errorf("no problem has %q: %+v", want, plan.Problems)
		}
	}
	return plan
}

func rolloutHub(t *testing.T, source string, names []string, objects map[string]json.RawMessage, opt Options) *Hub {
	t.Helper()
	hub, err := FromObjects(source, objectsOf(t, names, objects), opt)
	if err != nil {
		t.Fatal(err)
	}
	return hub
}

func objectsOf(t *testing.T, names []string, objects map[string]json.RawMessage) []policy.Object {
	t.Helper()
	var out []policy.Object
	for i, name := range names {
		raw, ok := objects[name]
		if !ok {
			t.Fatalf("no object %q", name)
		}
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   meta   `json:"metadata"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o := policy.Object{File: name + ".yaml", Line: i + 1, APIVersion: head.APIVersion, Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name, JSON: raw}
		out = append(out, policy.FromObjects("", []policy.Object{o}).Objects[0])
	}
	return out
}

func describeStage(s Stage) string {
	text := fmt.Sprintf("%s @%s: %s", s.Name, s.At, strings.Join(s.Clusters, ", "))
	if len(s.Clusters) == 0 {
		text = fmt.Sprintf("%s @%s", s.Name, s.At)
	}
	if len(s.Needs) > 0 {
		text += " [" + strings.Join(s.Needs, ", ") + "]"
	}
	return text
}

// describeState is "Kind/name vN Mode #index by override, override" for each object; vN is
// the annotation v.
func describeState(s *State) []string {
	out := []string{}
	if s == nil {
		return out
	}
	for _, d := range s.Delivered {
		text := d.Object.Kind + "/" + strings.TrimPrefix(d.Object.Namespace+"/"+d.Object.Name, "/")
		if v := strings.Trim(at(d.Object.JSON, "/metadata/annotations/v"), `"`); v != "nothing" {
			text += " v" + v
		}
		if mode := policy.ModeOf(d.Object); mode != "" {
			text += " " + string(mode)
		}
		text += fmt.Sprintf(" #%d", d.Index)
		if len(d.Overrides) > 0 {
			text += " by " + strings.Join(d.Overrides, ", ")
		}
		out = append(out, text)
	}
	return out
}

// at is the JSON of a value within an object; "nothing" when it is not there.
func at(raw json.RawMessage, path string) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return "nothing"
	}
	for _, part := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		part = strings.ReplaceAll(part, "~1", "/")
		switch here := v.(type) {
		case map[string]any:
			next, ok := here[part]
			if !ok {
				return "nothing"
			}
			v = next
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(here) {
				return "nothing"
			}
			v = here[i]
		default:
			return "nothing"
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "nothing"
	}
	return string(text)
}

func differ(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
