package kustomize

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// guard is the file system that kustomize sees. It refuses kustomizations that would have something
// fetched or run, before kustomize has read them, and asks the first one for the origins of objects.
type guard struct {
	filesys.FileSystem
	folder    string          // of the first kustomization, as given
	root      string          // the same without links
	top       string          // the file of it that is not a link
	annotates bool            // the first kustomization wants origins in its objects
	read      map[string]bool // by names relative to root
	refused   error           // kustomize goes on where it cannot read a file
}

func newGuard(files Files, folder string) (*guard, error) {
	g := &guard{FileSystem: files, folder: folder, read: map[string]bool{}}
	root, err := filesys.ConfirmDir(g.FileSystem, folder)
	if err != nil {
		return nil, err
	}
	g.root = root.String()
	return g, nil
}

// CleanedAbs is asked for what a path leads to, before it is read.
func (g *guard) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	folder, file, err := g.FileSystem.CleanedAbs(name)
	if err == nil && IsFile(name) {
		if g.isFirst(name) {
			g.top = folder.Join(file)
		}
		_, err = g.kustomization(name)
	}
	return folder, file, err
}

// ReadFile reads a file.
func (g *guard) ReadFile(name string) ([]byte, error) {
	content, err := g.FileSystem.ReadFile(name)
	if inside, relErr := filepath.Rel(g.root, name); err == nil && relErr == nil {
		g.read[filepath.ToSlash(inside)] = true
	}
	if err == nil && IsFile(name) {
		content, err = g.kustomization(name)
	}
	if err == nil && (name == g.top || g.isFirst(name)) {
		content, g.annotates = withOrigins(content)
	}
	return content, err
}

func (g *guard) isFirst(name string) bool {
	return IsFile(name) && filepath.Dir(name) == g.root
}

// IsFile tells whether kustomize takes a file of the name for a kustomization.
func IsFile(name string) bool { return slices.Contains(FileNames(), filepath.Base(name)) }

// FileNames are the names of kustomizations.
func FileNames() []string { return konfig.RecognizedKustomizationFileNames() }

// kustomization reads a kustomization that nothing is fetched or run for.
func (g *guard) kustomization(name string) ([]byte, error) {
	content, err := g.FileSystem.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var k types.Kustomization
	if k.Unmarshal(content) != nil {
		return content, nil // kustomize says why
	}
	k.FixKustomization()
	if len(k.HelmCharts) > 0 {
		return nil, g.refuse(fmt.Errorf("%s %w", g.given(name), ErrHelmCharts))
	}
	for _, path := range slices.Concat(k.Resources, k.Components, k.Generators, k.Transformers, k.Validators) {
		if isRemote(path) {
			return nil, g.refuse(fmt.Errorf("%s of %s %w", path, g.given(name), ErrRemote))
		}
	}
	return content, nil
}

// given is a name as the user would write it.
func (g *guard) given(name string) string {
	inside, err := filepath.Rel(g.root, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(filepath.Join(g.folder, inside))
}

func (g *guard) refuse(why error) error {
	if g.refused == nil {
		g.refused = why
	}
	return why
}

// remotePath is how a path starts that kustomize would have git clone, or get by HTTP: a scheme, a
// user, or GitHub.
var remotePath = regexp.MustCompile(`(?i)^(git::)?((https?|ssh|file)://|([a-z][a-z0-9-]*@)|github\.com[:/])`)

func isRemote(path string) bool { return remotePath.MatchString(path) }

// withOrigins asks a kustomization for origins; asked tells that it asks for them already. What is
// no kustomization stays as it is.
func withOrigins(content []byte) (out []byte, asked bool) {
	var document yamlv3.Node
	if yamlv3.Unmarshal(content, &document) != nil || len(document.Content) != 1 || document.Content[0].Kind != yamlv3.MappingNode {
		return content, false
	}
	fields := document.Content[0]
	list := &yamlv3.Node{Kind: yamlv3.SequenceNode}
	if at := slices.IndexFunc(fields.Content, func(n *yamlv3.Node) bool { return n.Value == "buildMetadata" }); at >= 0 && at%2 == 0 {
		list = fields.Content[at+1]
	} else {
		fields.Content = append(fields.Content, &yamlv3.Node{Kind: yamlv3.ScalarNode, Value: "buildMetadata"}, list)
	}
	if slices.ContainsFunc(list.Content, func(n *yamlv3.Node) bool { return n.Value == types.OriginAnnotations }) {
		return content, true
	}
	list.Content = append(list.Content, &yamlv3.Node{Kind: yamlv3.ScalarNode, Value: types.OriginAnnotations})
	if out, err := yamlv3.Marshal(&document); err == nil && list.Kind == yamlv3.SequenceNode {
		return out, false
	}
	return content, false
}

var offline sync.Mutex

// offline runs kustomize without a network: it may ask for patches and other files by HTTP as well.
func (g *guard) offline(run func()) {
	offline.Lock()
	defer offline.Unlock()
	usual := http.DefaultTransport
	defer func() { http.DefaultTransport = usual }()
	http.DefaultTransport = refusing{g}
	run()
}

// refusing is a network that nothing is fetched from.
type refusing struct{ guard *guard }

// RoundTrip refuses.
func (r refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, r.guard.refuse(fmt.Errorf("%s %w", request.URL.Redacted(), ErrRemote))
}
