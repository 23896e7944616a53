package suite

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// Load reads the suites of a file. Unknown fields are errors.
func Load(path string) ([]*Suite, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var suites []*Suite
	for _, doc := range manifest.Split(content) {
		if doc.Empty {
			continue
		}
		s := &Suite{Path: filepath.ToSlash(path), Line: doc.Line, dir: filepath.Dir(path)}
		if err := decode(doc, &s.Test); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.Path, max(doc.ErrAt, doc.Line), err)
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.Path, s.Line, err)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// decode reads a document strictly.
func decode(doc manifest.Document, into any) error {
	if doc.Err != nil {
		return doc.Err
	}
	content, err := json.Marshal(doc.Object)
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(content, into)
}

var (
	outcomes   = []string{"pass", "fail", "skip", "warn", "error"}
	operations = []string{"", "CREATE", "UPDATE", "DELETE"}
)

func (s *Suite) check() error {
	t := &s.Test
	if t.Kind != "" && t.Kind != Kind {
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
