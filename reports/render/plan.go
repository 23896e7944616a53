package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/placement"
)

// planFormats are the formats of [Plan], as formats are those of [Render].
var planFormats = []struct {
	name  string
	write func(io.Writer, *reports.Plan, Options) error
}{
	{"text", planText},
	{"json", planJSON},
	{"markdown", planMarkdown},
	{"html", planHTML},
}

// PlanNames lists the formats of [Plan], the one for people at a terminal first.
func PlanNames() []string {
	names := make([]string, len(planFormats))
	for i, f := range planFormats {
		names[i] = f.name
	}
	return names
}

// Plan writes a plan in the named format. The plan is shared: it must not be changed.
func Plan(w io.Writer, name string, p *reports.Plan, opt Options) error {
	for _, f := range planFormats {
		if f.name == name {
			return f.write(w, p, opt)
		}
	}
	return fmt.Errorf("unknown format %q of a plan; known formats: %s", name, strings.Join(PlanNames(), ", "))
}

func planJSON(w io.Writer, p *reports.Plan, _ Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(p)
}

// KindOf is what a saved result is: a plan, a drift; empty for a report of a replay, and
// for what is no result.
func KindOf(content []byte) string {
	var head struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(content, &head) != nil {
		return ""
	}
	return head.Kind
}

// DecodePlan reads a plan that the json format wrote, as [Decode] reads a report.
func DecodePlan(content []byte) (*reports.Plan, error) {
	p := &reports.Plan{}
	if err := json.Unmarshal(content, p); err != nil {
		return nil, lined(content, err)
	}
	if err := readable(p.SchemaVersion, reports.PlanSchemaVersion); err != nil {
		return nil, err
	}
	if p.Status != reports.Planned && p.Status != reports.Refused {
		return nil, fmt.Errorf("no seatrial plan: status is %q", p.Status)
	}
	for i := range p.Groups {
		if len(p.Groups[i].Cells) != len(p.Policies) {
			return nil, errors.New("no seatrial plan: a group of clusters has not one cell for each policy")
		}
	}
	return p, nil
}

// objectName is "require-labels", "team-a/x".
func objectName(r placement.ObjectRef) string {
	return strings.TrimPrefix(r.Namespace+"/"+r.Name, "/")
}

// objectWords is "ClusterPolicy require-labels".
func objectWords(r placement.ObjectRef) string { return r.Kind + " " + objectName(r) }

// changeMark is the sign of a change.
func changeMark(change string) string {
	switch change {
	case "added":
		return "+"
	case "removed":
		return "−"
	case "changed":
		return "~"
	}
	return " "
}

// changeWords is what a change does to an object: "Audit → Enforce", "new in Audit",
// "removed (was Enforce)", "another version in Audit".
func changeWords(c *reports.PlanChange) string {
	switch c.Change {
	case "added":
		return in("new", string(c.After.Mode))
	case "removed":
		if c.Before.Mode != "" {
			return "removed (was " + string(c.Before.Mode) + ")"
		}
		return "removed"
	}
	if c.Before.Mode != c.After.Mode {
		return modeOr(string(c.Before.Mode)) + " → " + modeOr(string(c.After.Mode))
	}
	return in("another version", string(c.After.Mode))
}

func in(what, mode string) string {
	if mode == "" {
		return what
	}
	return what + " in " + mode
}

func modeOr(mode string) string {
	if mode == "" {
		return "no mode"
	}
	return mode
}

// versionWords is "3f2a91b → 77ab02c".
func versionWords(c *reports.PlanChange) string {
	var parts []string
	for _, v := range []*reports.PlanVersion{c.Before, c.After} {
		if v != nil {
			parts = append(parts, shortVersion(v.Digest))
		}
	}
	return strings.Join(parts, " → ")
}

func shortVersion(digest string) string { return digest[:min(len(digest), 7)] }

// because says what makes the version: overrides, exceptions, staleness.
func because(v *reports.PlanVersion) (out []string) {
	if v == nil {
		return nil
	}
	if len(v.Overrides) > 0 {
		out = append(out, plural("override", v.Overrides))
	}
	if len(v.Exceptions) > 0 {
		out = append(out, plural("exception", v.Exceptions))
	}
	if v.Unbound {
		out = append(out, "no binding comes with it: without one it does nothing")
	}
	if v.Stale != "" {
		out = append(out, "not what the hub intends: "+v.Stale)
	}
	return out
}

func plural(noun string, names []string) string {
	if len(names) != 1 {
		noun += "s"
	}
	return noun + " " + strings.Join(names, ", ")
}

// onClusters is "on all 20 clusters", "on 3 clusters: a, b, c", "on a", with at most most names.
func onClusters(names []string, all, most int) string {
	switch {
	case len(names) == all && all > 1:
		return "on all " + count(all, "cluster")
	case len(names) == 1:
		return "on " + names[0]
	}
	return "on " + count(len(names), "cluster") + ": " + someOf(names, most)
}

// someOf is the first names, and how many there are more.
func someOf(names []string, most int) string {
	if len(names) <= most+1 { // "and 1 more" is as long as a name
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + number(len(names)-most) + " more"
}

// stageWhen is when a stage of a plan comes: of one that nothing starts by itself, with what.
func stageWhen(at time.Duration, needs []string) string {
	for _, need := range needs {
		if strings.HasPrefix(need, placement.NextRollout) {
			return "with the next rollout"
		}
	}
	return stageTime(at)
}

// stageTime is when a stage comes.
func stageTime(at time.Duration) string {
	if at <= 0 {
		return "at once"
	}
	text := at.Round(time.Second).String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return "after " + text + " at the earliest"
}

// cellWords is a cell of the matrix.
func cellWords(c reports.PlanCell) string {
	switch {
	case c.Change == "added":
		return "+ " + c.After
	case c.Change == "removed":
		return "− " + c.Before
	case c.Change == "changed" && c.Before != c.After:
		return c.Before + " → " + c.After
	case c.Change == "changed":
		return "~ " + c.After
	case c.After == "":
		return "·"
	}
	return c.After
}

// hubWords is a state of a hub: "hub (8c1d2f0): 4 policies, 1 other object".
func hubWords(h *reports.PlanHub) string {
	return set(&reports.Set{Source: h.Source, Revision: h.Revision, Policies: h.Policies, Others: h.Others})
}

// placementWords is what kind of placement it is.
func placementWords(p *reports.PlanPlacement) string {
	text := p.Kind + ", " + string(p.Type) + ", " + p.Strategy
	if p.File != "" {
		text += ", " + position(p.File, p.Line)
	}
	return text
}

func placementName(p *reports.PlanPlacement) string {
	return strings.TrimPrefix(p.Namespace+"/"+p.Name, "/")
}

// conditionWords is a condition in a line.
func conditionWords(c placement.Condition) string {
	text := c.Reason
	if c.Status == "Unknown" {
		text += " (unknown)"
	}
	if c.Message != "" {
		text += ": " + c.Message
	}
	return text
}

func conditionGlyph(c placement.Condition) string {
	switch c.Status {
	case "True":
		return "✓"
	case "False":
		return "✗"
	}
	return "?"
}
