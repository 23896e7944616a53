package kyverno_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func chainsawTests(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "chainsaw-test.yaml" {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type chainsawFile struct {
	Spec struct {
		Skip  bool `json:"skip"`
		Steps []struct {
			Use *struct {
				Template string `json:"template"`
				With     struct {
					Bindings []struct{ Name, Value string } `json:"bindings"`
				} `json:"with"`
			} `json:"use"`
			Try []chainsawAction `json:"try"`
		} `json:"steps"`
	} `json:"spec"`
}

type chainsawAction struct {
	Apply, Create, Update, Patch, Assert *chainsawObjects
	Delete                               *struct{ Ref chainsawHead }
	Script, Command                      any
}

type chainsawObjects struct {
	File     string          `json:"file"`
	Resource json.RawMessage `json:"resource"`
	Expect   []struct {
		Check map[string]any `json:"check"`
	} `json:"expect"`
}

// refused tells whether the step expects an error, and with which words if it says so.
func (o *chainsawObjects) refused() (bool, string) {
	for _, e := range o.Expect {
		for key, value := range e.Check {
			text, _ := value.(string)
			_, words, _ := strings.Cut(text, "denied the request: ")
			switch key {
			case "($error)":
				return value != nil, words
			case "($error != null)", "($error != `null`)":
				return value == true, ""
			}
		}
	}
	return false, ""
}

// documents are those of a YAML file that can be read.
func documents(t *testing.T, path string) (out []json.RawMessage) {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Logf("%v", err)
		return nil
	}
	for docs := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096); ; {
		var doc json.RawMessage
		if err := docs.Decode(&doc); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Logf("%s: %v", path, err)
			return out
		}
		if len(doc) > 0 && string(doc) != "null" {
			out = append(out, doc)
		}
	}
}

type chainsawHead struct {
	APIVersion, Kind string
	Metadata         struct{ Name, Namespace string }
}

func headOf(doc json.RawMessage) (h chainsawHead) {
	_ = json.Unmarshal(doc, &h)
	return h
}

func (h chainsawHead) String() string {
	return h.Kind + " " + h.Metadata.Namespace + "/" + h.Metadata.Name
}

// releaseRights are the roles and bindings that the release's manifest installs.
func releaseRights(t *testing.T, manifest string) (out []json.RawMessage) {
	t.Helper()
	for _, doc := range documents(t, manifest) {
		if strings.HasPrefix(headOf(doc).APIVersion, "rbac.authorization.k8s.io/") {
			out = append(out, doc)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no roles", manifest)
	}
	return out
}

// extraRights are the roles that the values of the chart add, those that the tests are
// written for.
func extraRights(t *testing.T, path string) (out []json.RawMessage) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type component struct {
		RBAC struct {
			ClusterRole struct {
				ExtraResources json.RawMessage `json:"extraResources"`
			} `json:"clusterRole"`
		} `json:"rbac"`
	}
	var values struct {
		AdmissionController  component `json:"admissionController"`
		BackgroundController component `json:"backgroundController"`
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]component{"admission-controller": values.AdmissionController, "background-controller": values.BackgroundController} {
		out = append(out, json.RawMessage(fmt.Sprintf(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"kyverno:%s:additional","labels":{"rbac.kyverno.io/aggregate-to-%s":"true"}},"rules":%s}`,
			name, name, c.RBAC.ClusterRole.ExtraResources)))
	}
	return out
}

// lacks lists what is in want and not in got, as far as want is plain data.
func lacks(path string, want, got any) (missing []string) {
	if strings.Contains(path, "(") {
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return []string{path + " is not there"}
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			missing = append(missing, lacks(path+"/"+key, want[key], have[key])...)
		}
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return []string{fmt.Sprintf("%s: want %d, got %v", path, len(want), got)}
		}
		for i := range want {
			missing = append(missing, lacks(fmt.Sprintf("%s/%d", path, i), want[i], have[i])...)
		}
	default:
		if text, ok := want.(string); ok && strings.HasPrefix(text, "(") {
			return nil
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			missing = append(missing, fmt.Sprintf("%s: want %v, got %v", path, want, got))
		}
	}
	return missing
}

func merged(a, b json.RawMessage) json.RawMessage {
	out, err := jsonpatch.MergePatch(a, b)
	if err != nil {
		return b
	}
	return out
}
