package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/seatrial/seatrial/simulator/capture"
)

// tree writes the files of an archive into a folder.
func tree(t *testing.T, files string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(files)).Files {
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func kustomized(t *testing.T, anywhere bool, folders ...string) (*capture.Capture, Summary, error) {
	t.Helper()
	return captured(t, func(w *capture.Writer, c capture.Cluster) (Summary, error) {
		return Kustomize(t.Context(), w, c, folders, anywhere, false)
	})
}

const overlays = `
-- base/kustomization.yaml --
resources: [web.yaml, more.yaml]
-- base/web.yaml --
# the workload
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
-- base/more.yaml --
apiVersion: v1
kind: Service
metadata: {name: one}
---
apiVersion: v1
kind: Service
metadata: {name: two}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
-- prod/kustomization.yaml --
resources: [../base]
namespace: shop
images: [{name: web, newTag: v2}]
configMapGenerator: [{name: settings, literals: [mode=strict]}]
secretGenerator: [{name: db, literals: [password=hunter2], options: {disableNameSuffixHash: true}}]
-- named/kustomization.yaml --
resources: [../base]
namePrefix: prod-
buildMetadata: [managedByLabel]
-- asked/kustomization.yaml --
resources: [../base]
buildMetadata: [originAnnotations]
`

func origins(t *testing.T, c *capture.Capture, root string) string {
	t.Helper()
	var all []string
	for _, r := range records(t, c) {
		file, err := filepath.Rel(root, r.Origin.File)
		if err != nil || r.Origin.Source != "kustomize" {
			t.Errorf("origin %+v of %s: %v", r.Origin, r.Name, err)
		}
		all = append(all, line(r)+" from "+file+":"+itoa(r.Origin.Line))
	}
	return strings.Join(all, "\n")
}

// Objects are from where kustomize had them, on the line that is certain, and do not say so themselves.
func TestKustomize(t *testing.T) {
	root := tree(t, overlays)
	c, sum, err := kustomized(t, false, filepath.Join(root, "prod"), filepath.Join(root, "named"))
	if err != nil {
		t.Fatal(err)
	}
	want := `CREATE ServiceAccount shop/web from base/more.yaml:9
CREATE ConfigMap shop/settings-794444tth4 from prod/kustomization.yaml:0
CREATE Secret shop/db redacted from prod/kustomization.yaml:0
CREATE Service shop/one from base/more.yaml:1
CREATE Service shop/two from base/more.yaml:5
CREATE Deployment shop/web from base/web.yaml:2
CREATE ServiceAccount default/prod-web from base/more.yaml:9
CREATE Service default/prod-one from base/more.yaml:0
CREATE Service default/prod-two from base/more.yaml:0
CREATE Deployment default/prod-web from base/web.yaml:2`
	if diff := cmp.Diff(want, origins(t, c, root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sum.Files != 2 || sum.Objects != 10 {
		t.Errorf("%+v", sum)
	}
	for _, r := range records(t, c) {
		if strings.Contains(string(r.Object), "annotations") {
			t.Errorf("%s", r.Object)
		}
		if named := strings.HasPrefix(r.Name, "prod-"); named != strings.Contains(string(r.Object), "managed-by") {
			t.Errorf("what the kustomization asks for: %s", r.Object)
		}
	}
}

// Who wants origins in objects has them there.
func TestKustomizeKeepsOrigins(t *testing.T) {
	root := tree(t, overlays)
	c, _, err := kustomized(t, false, filepath.Join(root, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records(t, c) {
		if !strings.Contains(string(r.Object), "config.kubernetes.io/origin") || !strings.Contains(r.Origin.File, "/base/") {
			t.Errorf("%+v %s", r.Origin, r.Object)
		}
	}
}

// Nothing is fetched: not by git, which would be found here, and not from a server that answers.
func TestKustomizeFetchesNothing(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\n"))
	}))
	defer server.Close()
	bin, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	for _, name := range []string{"git", "helm"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\ntouch "+ran+"\nexit 1\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if found, err := exec.LookPath("git"); err != nil || filepath.Dir(found) != bin {
		t.Fatalf("git is %s: %v", found, err)
	}
	for _, fields := range []string{
		"resources: ['SERVER/x.yaml']",
		"resources: [web.yaml, 'SERVER/x.yaml']",
		"bases: ['SERVER/org/repo']",
		"components: ['https://github.com/org/repo//part?ref=v1']",
		"resources: [github.com/org/repo]",
		"resources: ['GitHub.com:org/repo']",
		"resources: ['git@example.com:org/repo.git']",
		"resources: ['ssh://git@example.com/org/repo']",
		"resources: ['git::https://example.com/org/repo']",
		"resources: ['file:///tmp/repo.git']",
		"resources: [sub]",
		"resources: [linked]",
		"generators: ['SERVER/x.yaml']",
		"transformers: [github.com/org/repo]",
		"validators: [github.com/org/repo]",
		"resources: [web.yaml]\npatches: [{path: 'SERVER/x.yaml'}]",
		"resources: [web.yaml]\ncrds: ['SERVER/x.yaml']",
		"resources: [web.yaml]\nopenapi: {path: 'SERVER/x.yaml'}",
		"configMapGenerator: [{name: c, files: ['x=SERVER/x.yaml']}]",
		"generators: [generator.yaml]",
	} {
		root := tree(t, strings.ReplaceAll("-- kustomization.yaml --\n"+fields+`
-- web.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
-- generator.yaml --
apiVersion: builtin
kind: ConfigMapGenerator
metadata: {name: c}
files: ['x=SERVER/x.yaml']
-- sub/Kustomization --
resources: [github.com/org/repo]
-- linked/other.yaml --
resources: [github.com/org/repo]
`, "SERVER", server.URL))
		if err := os.Symlink("other.yaml", filepath.Join(root, "linked", "kustomization.yml")); err != nil {
			t.Fatal(err)
		}
		for _, anywhere := range []bool{false, true} {
			_, _, err := kustomized(t, anywhere, root)
			if !errors.Is(err, ErrRemote) {
				t.Errorf("%s: %v", fields, err)
			}
		}
	}
	root := tree(t, "-- kustomization.yaml --\nhelmCharts: [{name: web, repo: https://example.com}]\n")
	if _, _, err := kustomized(t, false, root); !errors.Is(err, ErrHelmCharts) {
		t.Errorf("helm charts: %v", err)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the server was asked %d times", n)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program was run")
	}
	if response, err := http.Get(server.URL); err != nil || asked.Load() != 1 {
		t.Errorf("who else asks is not answered: %v", err)
	} else {
		_ = response.Body.Close()
	}
}

func TestKustomizeRefuses(t *testing.T) {
	root := tree(t, `
-- none/x.yaml --
-- plugin/kustomization.yaml --
generators: [plugin.yaml]
-- plugin/plugin.yaml --
apiVersion: example.com/v1
kind: Program
metadata:
  name: p
  annotations: {config.kubernetes.io/function: "exec: {path: ./run}"}
-- outside/kustomization.yaml --
resources: [../x.yaml]
-- x.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
-- secret/kustomization.yaml --
secretGenerator: [{name: db, literals: [hunter2]}]
-- patch/kustomization.yaml --
resources: [../config]
patches: [{patch: '{"apiVersion: v1, kind: Secret, stringData: {a: hunter2', target: {kind: ConfigMap}}]
-- config/kustomization.yaml --
configMapGenerator: [{name: c, literals: [a=b]}]
-- unknown/kustomization.yaml --
resuorces: [../x.yaml]
`)
	for folder, want := range map[string]string{
		"none": "unable to find one of 'kustomization.yaml'", "plugin": "external plugins disabled", "outside": "is not in or below",
		"secret": "expected key=value", "patch": "unable to parse SM or JSON patch", "unknown": `unknown field "resuorces"`, "nowhere": "no such file",
	} {
		_, _, err := kustomized(t, false, filepath.Join(root, folder))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), folder) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", folder, err, want)
		}
	}
	c, _, err := kustomized(t, true, filepath.Join(root, "outside"))
	if err != nil || lines(t, c) != "CREATE ConfigMap default/c\n" {
		t.Errorf("anywhere: %v", err)
	}
}
