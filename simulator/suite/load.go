package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// FileName is how a suite's file is called.
const FileName = "kyverno-test.yaml"

// Find lists the suites' files below paths, sorted, each once. A path may be a file of any name.
func Find(paths ...string) ([]string, error) {
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			found = append(found, filepath.Clean(path))
			continue
		}
		err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && d.Name() == FileName {
				found = append(found, filepath.Clean(at))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Load reads the suites of a file. Unknown fields and keys that are there twice are errors; the
// file's other suites are returned beside them.
func Load(path string) ([]*Suite, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var suites []*Suite
	var faults []error
	for _, doc := range manifest.Split(content) {
		if doc.Empty {
			continue
		}
		s := &Suite{Path: filepath.ToSlash(path), Line: doc.Line, dir: filepath.Dir(path)}
		if err := s.read(doc); err != nil {
			faults = append(faults, err)
			continue
		}
		suites = append(suites, s)
	}
	return suites, errors.Join(faults...)
}

func (s *Suite) read(doc manifest.Document) error {
	if at, err := decode(doc, &s.Test); err != nil {
		return fmt.Errorf("%s:%d: %w", s.Path, at, err)
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("%s:%d: %w", s.Path, s.Line, err)
	}
	return nil
}

// decode reads a document strictly, and tells the line of what is wrong with it.
func decode(doc manifest.Document, into any) (line int, err error) {
	if doc.Err != nil {
		return max(doc.ErrAt, doc.Line), doc.Err
	}
	if len(doc.Twice) > 0 {
		return doc.Twice[0].Line, fmt.Errorf("the key %q is there twice in one mapping", doc.Twice[0].Key)
	}
	if _, err := yaml.YAMLToJSONStrict([]byte(doc.Text)); err != nil { // JSON with a key twice
		return doc.Line, err
	}
	content, err := json.Marshal(doc.Object)
	if err != nil {
		return doc.Line, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var other *json.UnmarshalTypeError
	if err = decoder.Decode(into); errors.As(err, &other) && other.Type.Kind() == reflect.String { // such as n, which is false
		err = fmt.Errorf("%s is no string: put it into quotes", other.Field)
	}
	return doc.Line, err
}

var (
	outcomes   = []string{"pass", "fail", "skip", "warn", "error"}
	operations = []string{"", "CREATE", "UPDATE", "DELETE"}
)

func (s *Suite) check() error {
	t := &s.Test
	if t.Kind != "" && t.Kind != Kind && t.APIVersion != APIVersion { // Kyverno's own runner looks at neither
		return fmt.Errorf("kind is %s, want %s", t.Kind, Kind)
	}
	if t.JSONPayload != "" && len(t.JSONPayloads) == 0 {
		t.JSONPayloads = []string{t.JSONPayload}
	}
	for i, e := range t.Results {
		if e.Policy == "" {
			return fmt.Errorf("results[%d]: policy is missing", i)
		}
		if !slices.Contains(outcomes, e.Result) {
			return fmt.Errorf("results[%d]: result is %q, want one of %v", i, e.Result, outcomes)
		}
		if !slices.Contains(operations, e.Operation) {
			return fmt.Errorf("results[%d]: operation is %q, want CREATE, UPDATE or DELETE", i, e.Operation)
		}
		if e.Operation != "" && e.IsDeletingPolicy {
			return fmt.Errorf("results[%d]: a DeletingPolicy is asked on its schedule: it takes no operation", i)
		}
	}
	return t.checkMocks()
}

func (t *Test) checkMocks() error {
	seen := map[string]bool{}
	for i, a := range t.APICallResponses {
		switch {
		case (a.URL == "") == (a.URLPath == ""):
			return fmt.Errorf("apiCallResponses[%d]: want either url or urlPath", i)
		case a.Response.Body == nil:
			return fmt.Errorf("apiCallResponses[%d]: response.body is missing", i)
		case seen[a.key()]:
			return fmt.Errorf("apiCallResponses[%d]: %s is answered twice", i, a.key())
		}
		seen[a.key()] = true
	}
	for i, g := range t.GlobalContextEntries {
		given := 0
		for _, has := range []bool{g.Data != nil, g.Resources != nil, g.ResourceFiles != nil} {
			if has {
				given++
			}
		}
		if g.Name == "" || given != 1 {
			return fmt.Errorf("globalContextEntries[%d]: want a name, and one of data, resources and resourceFiles", i)
		}
	}
	return nil
}

func (a apiCallResponse) key() string {
	url := a.URL + a.URLPath
	if a.Method != "" {
		return a.Method + ":" + url
	}
	return url
}
