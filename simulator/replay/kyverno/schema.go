package kyverno

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno/data"
	"github.com/kyverno/kyverno/ext/resource/loader"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/policy"
)

// schemas checks policies against the CRDs of the Kyverno release in this binary, as an
// API server would: unknown fields, types, enumerations, and the rules that the CRDs hold.
// Each CRD is read when the first object of its kind comes. The zero value is ready.
type schemas struct {
	mu      sync.Mutex
	loaders map[string]loader.Loader // by name of the CRD file
}

// release are the CRDs of the release. Reading one takes 60 ms; every compiler shares them.
var release schemas

// defaulted returns obj as the API server would store it: checked, with defaults. Kinds
// of Kubernetes itself have no CRD and come back as they are.
func (s *schemas) defaulted(obj policy.Object) ([]byte, error) {
	group, _, _ := strings.Cut(obj.APIVersion, "/")
	if group != "kyverno.io" && group != "policies.kyverno.io" {
		return obj.JSON, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.loader(group, obj.Kind)
	if err != nil {
		return nil, err
	}
	if l == nil { // the release ships no schema of GlobalContextEntry for its command line
		return defined(group, obj)
	}
	whole, err := withoutManagers(obj.JSON)
	if err != nil {
		return nil, err
	}
	content, err := withoutStatus(whole)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(content, whole) { // its fields are dropped, and have to be known
		if _, _, err := l.Load(whole); err != nil && len(unknownIn(unwrapped(err))) > 0 {
			return nil, errors.New(reasonOf(err))
		}
	}
	_, loaded, err := l.Load(content)
	if err != nil {
		return nil, errors.New(reasonOf(err))
	}
	return loaded.MarshalJSON()
}

// withoutStatus drops the status, as the API server does when an object is written.
func withoutStatus(content []byte) ([]byte, error) {
	if !bytes.Contains(content, []byte(`"status":`)) {
		return content, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, fmt.Errorf("decode the policy: %w", err)
	}
	delete(fields, "status")
	return json.Marshal(fields)
}

// withoutManagers drops the managedFields, for which the API server writes its own. Those that it
// cannot decode stay, and are refused.
func withoutManagers(content []byte) ([]byte, error) {
	if !bytes.Contains(content, []byte(`"managedFields":`)) {
		return content, nil
	}
	var fields, meta map[string]json.RawMessage
	if err := json.Unmarshal(content, &fields); err != nil {
		return nil, fmt.Errorf("decode the policy: %w", err)
	}
	var managers []metav1.ManagedFieldsEntry
	if json.Unmarshal(fields["metadata"], &meta) != nil || json.Unmarshal(meta["managedFields"], &managers) != nil {
		return content, nil
	}
	delete(meta, "managedFields")
	var err error
	if fields["metadata"], err = json.Marshal(meta); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// loader returns the loader that knows the kind; nil when no CRD is at hand. Callers hold mu.
func (s *schemas) loader(group, kind string) (loader.Loader, error) {
	crds, err := data.Crds()
	if err != nil {
		return nil, fmt.Errorf("open the CRDs of Kyverno: %w", err)
	}
	name := crdFile(group, kind)
	if l, ok := s.loaders[name]; ok {
		return l, nil
	}
	if _, err := fs.Stat(crds, name); err != nil {
		return nil, nil //nolint:nilerr // an absent CRD is an answer
	}
	l, err := loader.New(openapiclient.NewLocalCRDFiles(oneFile{crds, name}))
	if err != nil {
		return nil, fmt.Errorf("read CRD %s: %w", name, err)
	}
	if s.loaders == nil {
		s.loaders = map[string]loader.Loader{}
	}
	s.loaders[name] = l
	return l, nil
}

// oneFile is a file system of which only one file is listed: reading a CRD takes 60 ms,
// reading all of them seconds.
type oneFile struct {
	fs.FS
	name string
}

// ReadDir lists the one file.
func (f oneFile) ReadDir(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, dir)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() != f.name }), err
}

// defined returns obj as its definition has it stored; as it is where there is none.
func defined(group string, obj policy.Object) ([]byte, error) {
	definition, err := shipped.of(group, obj.Kind)
	if err != nil || definition == nil {
		return obj.JSON, err
	}
	stored, dropped, err := definition.Store(obj.JSON)
	var refused *admission.Refused
	if errors.As(err, &refused) && !strings.HasPrefix(refused.Reason, admission.Undecodable) {
		err = fmt.Errorf("%s.%s %q is invalid: %s", obj.Kind, group, obj.Name, refused.Reason)
	}
	if err == nil && len(dropped) > 0 {
		err = strictly(dropped)
	}
	return stored, err
}

// unknownField finds in what the loader says the fields that a definition does not know.
var unknownField = regexp.MustCompile(`(?m)^(\S+): Invalid value: value provided for unknown field$`)

// strictly is what an API server says of unknown fields when it is to validate fields strictly,
// which kubectl asks it for; of what is not valid besides it does not speak then.
func strictly(fields []string) error {
	var faults []error
	for _, field := range fields {
		faults = append(faults, fmt.Errorf("unknown field %q", field))
	}
	return runtime.NewStrictDecodingError(faults)
}

// unwrapped takes the wrapping of the loader off an error: what is left is the API server's text.
func unwrapped(err error) string {
	text := err.Error()
	for _, prefix := range []string{"failed to parse document (", "failed to validate resource ("} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			text = strings.TrimSuffix(rest, ")")
		}
	}
	return text
}

// reasonOf is what an API server says of an error of the loader.
func reasonOf(err error) string {
	text := unwrapped(err)
	if unknown := unknownIn(text); len(unknown) > 0 {
		return strictly(unknown).Error()
	}
	return text
}

func unknownIn(text string) (fields []string) {
	for _, found := range unknownField.FindAllStringSubmatch(text, -1) {
		fields = append(fields, found[1])
	}
	return fields
}
