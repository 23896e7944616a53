package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/seatrial/seatrial/simulator/capture"
)

func helm(t *testing.T, opt HelmOptions, charts ...string) (*capture.Capture, Summary, error) {
	t.Helper()
	return captured(t, func(w *capture.Writer, c capture.Cluster) (Summary, error) {
		return Helm(t.Context(), w, c, charts, opt, false)
	})
}

const web = `
-- web/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
kubeVersion: ">=1.30.0"
dependencies:
- {name: cache, version: 1.x, alias: redis, condition: redis.enabled}
- {name: extra, version: 1.x, condition: extra.enabled}
-- web/values.yaml --
replicas: 1
extra: {enabled: false}
redis: {size: small}
-- web/values.schema.json --
{"properties": {"replicas": {"type": "integer"}}}
-- web/crds/thing.yaml --
# a definition
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Thing, plural: things}, versions: [{name: v1}]}
-- web/templates/NOTES.txt --
Thank you for {{ .Release.Name }}.
-- web/templates/_helpers.tpl --
{{ define "name" }}{{ .Release.Name }}-web{{ end }}
-- web/templates/all.yaml --
apiVersion: example.com/v1
kind: Thing
metadata: {name: one}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "name" . }}
  labels: {kube: {{ .Capabilities.KubeVersion.Version }}, apps: {{ .Capabilities.APIVersions.Has "apps/v1" | quote }}, own: {{ .Capabilities.APIVersions.Has "example.com/v1" | quote }}}
spec:
  replicas: {{ .Values.replicas }}
  template: {metadata: {annotations: {tag: {{ .Values.tag | quote }} }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: other}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
-- web/templates/secret.yaml --
{{- /* now and lookup are words here */}}
apiVersion: v1
kind: Secret
metadata: {name: "now lookup"}
data:
  password: {{ (lookup "v1" "Secret" "x" "y").password | default (randAlphaNum 8 | b64enc) }}
-- web/templates/hooks.yaml --
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
---
apiVersion: v1
kind: Pod
metadata: {name: old-test, annotations: {helm.sh/hook: test-success}}
-- web/charts/cache/Chart.yaml --
apiVersion: v2
name: cache
version: 1.2.3
-- web/charts/cache/values.yaml --
size: none
-- web/charts/cache/values.schema.json --
{"properties": {"size": {"type": "string"}}}
-- web/charts/cache/templates/set.yaml --
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-{{ .Values.size }}, namespace: {{ .Release.Namespace }}}
-- web/charts/extra/Chart.yaml --
apiVersion: v2
name: extra
version: 1.0.0
-- web/charts/extra/templates/x.yaml --
{{ fail "extra is not rendered" }}
-- first.yaml --
replicas: 2
tag: first
redis: {size: large}
-- second.yaml --
tag: second
`

func fromCharts(t *testing.T, c *capture.Capture, root string) string {
	t.Helper()
	var all []string
	for _, r := range records(t, c) {
		file, err := filepath.Rel(root, r.Origin.File)
		if err != nil || r.Origin.Source != "helm" {
			t.Errorf("origin %+v of %s: %v", r.Origin, r.Name, err)
		}
		all = append(all, line(r)+" from "+file+":"+itoa(r.Origin.Line))
	}
	return strings.Join(all, "\n")
}

func TestHelm(t *testing.T) {
	root := tree(t, web)
	c, sum, err := helm(t, HelmOptions{Namespace: "shop", ValueFiles: []string{root + "/first.yaml", root + "/second.yaml"}}, root+"/web")
	if err != nil {
		t.Fatal(err)
	}
	want := `CREATE CustomResourceDefinition /things.example.com from web/crds/thing.yaml:2
CREATE Secret shop/now lookup redacted from web/templates/secret.yaml:0
CREATE ConfigMap other/elsewhere from web/templates/all.yaml:0
CREATE ClusterRole /reader from web/templates/all.yaml:0
CREATE Deployment shop/web-web from web/templates/all.yaml:0
CREATE StatefulSet shop/web-large from web/charts/redis/templates/set.yaml:0
CREATE Thing shop/one from web/templates/all.yaml:0
CREATE Job shop/migrate from web/templates/hooks.yaml:0`
	if diff := cmp.Diff(want, fromCharts(t, c, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sum.Tests != 2 || sum.NonObjects != 0 || len(sum.Skipped) != 0 {
		t.Errorf("%+v", sum)
	}
	notes := []string{
		root + "/web/templates/secret.yaml uses randAlphaNum: what it renders differs each time",
		root + "/web/templates/secret.yaml uses lookup, which finds nothing, as in helm template",
	}
	if diff := cmp.Diff(notes, sum.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	for _, r := range records(t, c) {
		if r.Name == "web-web" && (!strings.Contains(string(r.Object), `"replicas":2`) || !strings.Contains(string(r.Object), `"tag":"second"`) ||
			!strings.Contains(string(r.Object), `{"apps":"true","kube":"v1.36.3","own":"false"}`)) {
			t.Errorf("%s", r.Object)
		}
	}
}

// Values of flags win over those of files; the cluster is what the flags say.
func TestHelmFlags(t *testing.T) {
	root := tree(t, web)
	opt := HelmOptions{
		Release: "prod", ValueFiles: []string{root + "/first.yaml"}, Set: []string{"replicas=3,redis.enabled=false"}, SetString: []string{"tag=007"},
		KubeVersion: "1.31", APIVersions: []string{"example.com/v1"}, NoCRDs: true,
	}
	c, sum, err := helm(t, opt, root+"/web")
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(t, c); strings.Contains(got, "StatefulSet") || strings.Contains(got, "Definition") || !strings.Contains(got, "Deployment default/prod-web") {
		t.Errorf("%s", got)
	}
	if len(sum.Notes) != 3 || sum.Notes[2] != "Thing of example.com/v1 is taken for cluster-scoped where it names no namespace: its definition is not there" {
		t.Errorf("notes %q", sum.Notes)
	}
	for _, r := range records(t, c) {
		if r.Name == "prod-web" && (!strings.Contains(string(r.Object), `"replicas":3`) || !strings.Contains(string(r.Object), `"tag":"007"`) ||
			!strings.Contains(string(r.Object), `{"apps":"true","kube":"v1.31","own":"true"}`)) {
			t.Errorf("%s", r.Object)
		}
	}
}

// An archive is read as its folder is, and the same twice.
func TestHelmArchive(t *testing.T) {
	var files []string
	for _, f := range txtar.Parse([]byte(web)).Files {
		if strings.HasPrefix(f.Name, "web/") && f.Name != "web/templates/secret.yaml" {
			files = append(files, f.Name, string(f.Data))
		}
	}
	file := written(t, "web-1.0.0.tgz", archive(t, true, files...))
	a, _, err := helm(t, HelmOptions{}, file)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := helm(t, HelmOptions{}, file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records(t, a), records(t, b)); diff != "" {
		t.Errorf("not the same twice (-first +second):\n%s", diff)
	}
	if got := fromCharts(t, a, filepath.Dir(file)); !strings.Contains(got, "Deployment default/web-web from web-1.0.0.tgz/templates/all.yaml:0") {
		t.Errorf("%s", got)
	}
}

func TestHelmRefuses(t *testing.T) {
	root := tree(t, web+`
-- missing/Chart.yaml --
apiVersion: v2
name: missing
version: 1.0.0
dependencies: [{name: common, version: 1.x, repository: https://example.com}]
-- library/Chart.yaml --
apiVersion: v2
name: library
version: 1.0.0
type: library
-- broken/Chart.yaml --
apiVersion: v2
name: broken
version: 1.0.0
-- broken/templates/bad.yaml --
apiVersion: v1
kind: Secret
metadata: {name: hunter2
-- fails/Chart.yaml --
apiVersion: v2
name: fails
version: 1.0.0
-- fails/templates/x.yaml --

{{ required "say who" .Values.who }}
-- syntax/Chart.yaml --
apiVersion: v2
name: syntax
version: 1.0.0
-- syntax/templates/x.yaml --
{{ if }}
-- list.yaml --
[a, b]
`)
	for _, test := range []struct {
		name  string
		chart string
		opt   HelmOptions
		want  error
		says  string
	}{
		{"no such chart", "nowhere", HelmOptions{}, nil, "no such file"},
		{"no chart", "web/templates", HelmOptions{}, ErrNoChart, "Chart.yaml file is missing"},
		{"no archive", "list.yaml", HelmOptions{}, ErrNoChart, "list.yaml"},
		{"dependencies", "missing", HelmOptions{}, ErrDependencies, "common"},
		{"library", "library", HelmOptions{}, nil, "of type library"},
		{"yaml", "broken", HelmOptions{}, nil, "broken/templates/bad.yaml, line 3 of what it renders: YAML: "},
		{"required", "fails", HelmOptions{}, nil, "fails/templates/x.yaml:2:3): say who"},
		{"template", "syntax", HelmOptions{}, nil, "syntax/templates/x.yaml:1"},
		{"schema", "web", HelmOptions{Set: []string{"replicas=many"}}, nil, "web/values.schema.json: - at '/replicas': got string, want integer"},
		{"schema of a dependency", "web", HelmOptions{Set: []string{"redis.size=3"}}, nil, "web/charts/redis/values.schema.json: - at '/size'"},
		{"version", "web", HelmOptions{KubeVersion: "1.20"}, nil, "wants Kubernetes >=1.30.0"},
		{"no version", "web", HelmOptions{KubeVersion: "new"}, nil, "--kube-version new"},
		{"release", "web", HelmOptions{Release: "No Name"}, nil, `release "No Name"`},
		{"values", "web", HelmOptions{ValueFiles: []string{root + "/list.yaml"}}, nil, "list.yaml"},
		{"no values", "web", HelmOptions{ValueFiles: []string{root + "/none.yaml"}}, nil, "none.yaml"},
		{"set", "web", HelmOptions{Set: []string{"novalue"}}, nil, "--set"},
		{"set-string", "web", HelmOptions{SetString: []string{"a[-1]=b"}}, nil, "--set-string"},
		{"enabled", "web", HelmOptions{Set: []string{"extra.enabled=true"}}, nil, "charts/extra/templates/x.yaml:1:3): extra is not rendered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := helm(t, test.opt, filepath.Join(root, test.chart))
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want %v: %s", err, test.want, test.says)
			}
		})
	}
}

// A schema that refers to another one elsewhere is passed over, and that is told: nothing is fetched.
func TestHelmFetchesNothing(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		_, _ = w.Write([]byte(`{"type": "string"}`))
	}))
	defer server.Close()
	for _, schema := range []string{`{"properties": {"a": {"$ref": "SERVER/s.json"}}}`, `{"$id": "SERVER/x/y.json", "properties": {"a": {"$ref": "z.json"}}}`} {
		root := tree(t, "-- Chart.yaml --\napiVersion: v2\nname: far\nversion: 1.0.0\n-- templates/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n-- values.schema.json --\n"+
			strings.ReplaceAll(schema, "SERVER", server.URL))
		_, sum, err := helm(t, HelmOptions{Set: []string{"a=3"}}, root)
		if err != nil || asked || len(sum.Notes) != 1 || !strings.Contains(sum.Notes[0], "/values.schema.json: it refers to "+server.URL) {
			t.Errorf("%s: asked %v, notes %v: %v", schema, asked, sum.Notes, err)
		}
	}
}

// What we tell of are functions that Helm knows.
func TestHelmKnowsWhatWeTellOf(t *testing.T) {
	for _, name := range append([]string{"lookup"}, changing...) {
		root := tree(t, "-- Chart.yaml --\napiVersion: v2\nname: f\nversion: 1.0.0\n-- templates/a.yaml --\n{{ if false }}{{ $x := "+name+" }}{{ end }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
		_, sum, err := helm(t, HelmOptions{}, root)
		if err != nil || len(sum.Notes) != 1 || !strings.Contains(sum.Notes[0], "/templates/a.yaml uses "+name) {
			t.Errorf("%s: notes %v: %v", name, sum.Notes, err)
		}
	}
}

// Charts are rendered for the Kubernetes that is in this program.
func TestKubernetesVersion(t *testing.T) {
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`k8s.io/kubernetes (v\S+)`).FindSubmatch(module)
	if m == nil || string(m[1]) != KubernetesVersion {
		t.Errorf("go.mod has %s, charts are rendered for %s", m, KubernetesVersion)
	}
}
