package placement

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/seatrial/seatrial/simulator/policy"
)

// The variables that values of patches may hold.
const (
	nameVariable  = "${MEMBER-CLUSTER-NAME}"
	labelVariable = "${MEMBER-CLUSTER-LABEL-KEY-"
)

// rendered is what overrides make of an object on a member.
type rendered struct {
	object  policy.Object
	by      []string // snapshots of which a rule was applied, in order
	deleted string   // the snapshot that left the object out; empty: it is there
}

// applyOverrides applies snapshots to an object, in their order. The error is what KubeFleet
// says of the binding.
func applyOverrides(o policy.Object, snapshots []overrideSnapshot, m *Member, release Release) (rendered, error) {
	out := rendered{object: o}
	for _, s := range snapshots {
		if !s.selects(o) {
			continue
		}
		raw, used, err := s.apply(out.object.JSON, m)
		if err != nil {
			return out, s.failure(o, err, release)
		}
		if used {
			out.by = append(out.by, s.id())
		}
		if raw == nil && out.deleted == "" {
			out.deleted = s.id()
		}
		out.object = withContent(out.object, raw)
	}
	return out, nil
}

// apply applies the rules that match the member; nil content stands for a deleted object,
// which later patches leave alone.
func (s overrideSnapshot) apply(raw []byte, m *Member) (out []byte, used bool, err error) {
	for _, rule := range s.spec.Policy.OverrideRules {
		if !rule.matches(m) {
			continue
		}
		if rule.OverrideType == deleteOverride {
			return nil, true, nil
		}
		if raw, err = patch(raw, rule.JSONPatchOverrides, m); err != nil {
			return nil, used, err
		}
		used = true
	}
	return raw, used, nil
}

// failure is the error of a snapshot. From main on it names the override and the object.
func (s overrideSnapshot) failure(o policy.Object, err error, release Release) error {
	if release != Main {
		return err
	}
	target := fmt.Sprintf("%s %q", o.Kind, o.Name)
	if o.Namespace != "" {
		target += fmt.Sprintf(" in namespace %q", o.Namespace)
	}
	return fmt.Errorf("%sSnapshot %q failed to apply on %s: %w", s.kind, s.snapshotName(), target, err)
}

// patch applies JSON patches with the default options of KubeFleet's library: removing or
// replacing what is not there fails, and so does adding to a parent that is not there.
func patch(raw []byte, patches []jsonPatch, m *Member) ([]byte, error) {
	if len(patches) == 0 || raw == nil {
		return raw, nil
	}
	filled := make([]jsonPatch, len(patches))
	for i, p := range patches {
		value, err := fillVariables(string(p.Value), m)
		if err != nil {
			return nil, err
		}
		filled[i] = jsonPatch{Op: p.Op, Path: p.Path, Value: json.RawMessage(value)}
		if value == "" {
			filled[i].Value = json.RawMessage("null")
		}
	}
	encoded, err := json.Marshal(filled)
	if err != nil {
		return nil, err
	}
	decoded, err := jsonpatch.DecodePatch(encoded)
	if err != nil {
		return nil, err
	}
	return decoded.Apply(raw)
}

// fillVariables replaces variables in the text of a value; paths have none.
func fillVariables(text string, m *Member) (string, error) {
	text = strings.ReplaceAll(text, nameVariable, m.Name)
	for {
		start := strings.Index(text, labelVariable)
		if start < 0 {
			return text, nil
		}
		length := strings.Index(text[start:], "}")
		if length < 0 {
			return "", fmt.Errorf("input %s is missing the closing bracket `}`", text)
		}
		variable := text[start : start+length+1]
		key := strings.TrimSuffix(strings.TrimPrefix(variable, labelVariable), "}")
		value, ok := m.Labels[key]
		if !ok {
			return "", fmt.Errorf("%w %s not found on cluster %s", errNoLabel, key, m.Name)
		}
		if strings.Contains(value, labelVariable) {
			return "", errors.New("the value of label " + key + " refers to a label")
		}
		text = strings.Replace(text, variable, value, 1)
	}
}

// errNoLabel begins KubeFleet's text for a variable whose label the member has not.
var errNoLabel = errors.New("label key")

// withContent is the object with other content; its keys get sorted.
func withContent(o policy.Object, raw []byte) policy.Object {
	if raw == nil {
		o.JSON = nil
		return o
	}
	var content map[string]any
	if json.Unmarshal(raw, &content) == nil {
		if sorted, err := json.Marshal(content); err == nil {
			raw = sorted
		}
	}
	if string(raw) == string(o.JSON) {
		return o
	}
	o.YAML = ""
	return o.With(raw)
}
