package kyverno

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno/data"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/policy"
)

// definitions are the CRDs of the Kyverno release in this binary, as an API server uses
// them for objects that are written. Each is read when the first object of its kind comes.
type definitions struct {
	mu    sync.Mutex
	known map[string]*admission.Definition // by name of the CRD file; nil: the release has none
}

var shipped definitions

// besides has the definitions that the release installs, and leaves out of its command line.
//
//go:embed defaults/kyverno.io_globalcontextentries.yaml
var besides embed.FS

// Served is what an API server without webhooks makes of a new object, such as that of a
// hub that holds Kyverno's definitions alone: the object as it is stored, and the fields
// that were dropped. The error is the server's reason not to take it.
func Served(o policy.Object) (policy.Object, []string, error) {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	if group != "kyverno.io" && group != "policies.kyverno.io" {
		return o, nil, admission.Decodes(o.JSON)
	}
	definition, err := shipped.of(group, o.Kind)
	if err != nil || definition == nil {
		return o, nil, err
	}
	stored, dropped, err := definition.Store(o.JSON)
	if err != nil {
		return o, nil, err
	}
	return o.With(sorted(stored, stored)), dropped, nil
}

func (d *definitions) of(group, kind string) (*admission.Definition, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := crdFile(group, kind)
	if known, ok := d.known[name]; ok {
		return known, nil
	}
	definition, err := readDefinition(name)
	if err != nil {
		return nil, err
	}
	if d.known == nil {
		d.known = map[string]*admission.Definition{}
	}
	d.known[name] = definition
	return definition, nil
}

// readDefinition reads a CRD of the release; nil when it has none of the name.
func readDefinition(name string) (*admission.Definition, error) {
	crds, err := data.Crds()
	if err != nil {
		return nil, fmt.Errorf("open the CRDs of Kyverno: %w", err)
	}
	content, err := fs.ReadFile(crds, name)
	if err != nil {
		if content, err = besides.ReadFile("defaults/" + name); err != nil {
			return nil, nil //nolint:nilerr,nilnil // an absent CRD is an answer
		}
	}
	raw, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, fmt.Errorf("read CRD %s: %w", name, err)
	}
	return admission.NewDefinition(json.RawMessage(raw))
}

// crdFile is the name of the file that holds a kind's CRD.
func crdFile(group, kind string) string {
	if strings.HasSuffix(kind, "y") {
		return group + "_" + strings.ToLower(strings.TrimSuffix(kind, "y")) + "ies.yaml"
	}
	return group + "_" + strings.ToLower(kind) + "s.yaml"
}
