package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
	"github.com/seatrial/seatrial/harness/objects"
	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/policy"
)

// fleetKinds are those of KubeFleet's that the test's hub serves.
var fleetKinds = []struct{ group, kind, plural string }{
	{"cluster", "MemberCluster", "memberclusters"},
	{"placement", "ClusterResourcePlacement", "clusterresourceplacements"},
	{"placement", "ClusterResourceOverride", "clusterresourceoverrides"},
	{"placement", "ClusterResourceSnapshot", "clusterresourcesnapshots"},
}

// startHub starts an API server with KubeFleet's and Kyverno's kinds, and the objects of a
// folder in it. It returns a kubeconfig with the context hub.
func startHub(t *testing.T, folder string) (kubeconfig string, client *objects.Client) {
	t.Helper()
	dir := t.TempDir()
	p, err := embedded.New(filepath.Join(dir, "fleet"), binaries.Default(nil), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Delete(ctx, "hub"); err != nil {
			t.Error(err)
		}
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	c, err := p.Create(t.Context(), cluster.Spec{Name: "hub", Components: []cluster.Component{}})
	if err != nil {
		t.Fatal(err)
	}
	if client, err = objects.New(c.REST()); err != nil {
		t.Fatal(err)
	}
	fillHub(t, client, folder)
	content, err := c.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	saveFile(t, kubeconfig, string(content))
	return kubeconfig, client
}

func fillHub(t *testing.T, client *objects.Client, folder string) {
	t.Helper()
	var crds []*unstructured.Unstructured
	for _, k := range fleetKinds {
		crds = append(crds, definitionOf(k.group+".kubernetes-fleet.io", k.kind, k.plural))
	}
	for _, crd := range crds {
		if err := client.Create(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Served(t.Context(), crds); err != nil {
		t.Fatal(err)
	}
	set, err := policy.LoadObjects(t.Context(), folder, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made := policy.Object{JSON: json.RawMessage(`{"apiVersion":"placement.kubernetes-fleet.io/v1beta1","kind":"ClusterResourceSnapshot","metadata":{"name":"baseline-0-snapshot"},"spec":{}}`)}
	all := append(append(set.Others, set.Objects...), made) // namespaces come before what is in them
	for _, o := range all {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(o.JSON); err != nil {
			t.Fatal(err)
		}
		if err := client.Create(t.Context(), u); err != nil {
			t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// definitionOf takes any object, in the versions in which KubeFleet serves its kinds.
func definitionOf(group, kind, plural string) *unstructured.Unstructured {
	var versions []any
	for _, v := range []string{"v1", "v1alpha1", "v1beta1"} {
		versions = append(versions, map[string]any{"name": v, "served": true, "storage": v == "v1beta1",
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group, "annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, a stand-in"}},
		"spec": map[string]any{"group": group, "scope": "Cluster", "versions": versions,
			"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)}},
	}}
}

// versionsOf are the resource versions of what is on a hub, by name.
func versionsOf(t *testing.T, client *objects.Client) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, r := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "namespaces"}, {Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "serviceaccounts"},
		{Group: "kyverno.io", Version: "v1", Resource: "clusterpolicies"}, {Group: "kyverno.io", Version: "v2", Resource: "policyexceptions"},
		{Group: "policies.kyverno.io", Version: "v1", Resource: "validatingpolicies"},
		{Group: "placement.kubernetes-fleet.io", Version: "v1beta1", Resource: "clusterresourceplacements"},
		{Group: "placement.kubernetes-fleet.io", Version: "v1beta1", Resource: "clusterresourceoverrides"},
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	} {
		list, err := client.Dynamic.Resource(r).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			out[r.Resource+" "+o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
		}
	}
	return out
}

// planOf is what a plan says, without where objects were written and without digests: a
// live hub's objects carry what its API server adds.
func planOf(t *testing.T, args []string) map[string]any {
	t.Helper()
	p := answerOf[reports.Plan](t, exitOK, args)
	var stages, decisions, cells, codes []string
	for _, s := range p.Stages {
		stages = append(stages, fmt.Sprint(s.Name, " ", s.At, s.Needs, s.Clusters))
	}
	for _, x := range p.Placements {
		decisions = append(decisions, fmt.Sprintf("%s %s %+v %+v", x.Kind, x.Name, x.Scheduled, x.Decisions))
	}
	for _, g := range p.Groups {
		for i, c := range g.Cells {
			cells = append(cells, fmt.Sprintf("%v %s: %+v", g.Clusters, p.Policies[i].Object, c))
		}
	}
	for _, w := range p.Warnings {
		if w.Code != "not-read" {
			codes = append(codes, w.Code+" "+w.Object)
		}
	}
	slices.Sort(codes) // files have them by file and line
	return map[string]any{"headline": p.Headline, "totals": p.Totals, "stages": stages, "decisions": decisions, "cells": cells, "warnings": codes}
}

// answerOf is the JSON form of what a command line answers.
func answerOf[T any](t *testing.T, want int, args []string) (out T) {
	t.Helper()
	code, text, complaint := runReal(t, args...)
	if code != want {
		t.Fatalf("%v: exit code %d, want %d: %s", args, code, want, complaint)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %v: %s", args, err, complaint)
	}
	return out
}

// runReal runs one command line with the environment and the clock of this process; what it
// keeps of its fleets is the test's.
func runReal(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, text bytes.Buffer
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	code = Main(t.Context(), Env{Args: args, Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: &text, Getenv: os.Getenv, Now: time.Now})
	return code, out.String(), text.String()
}

// captureOf captures one cluster on which the policies of the hub before are installed.
func captureOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, pods := filepath.Join(dir, "staging.capture"), filepath.Join(dir, "pods.yaml")
	saveFile(t, pods, `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: limitless, namespace: shop}
spec: {containers: [{name: c, image: "registry.shop.example/c:1", resources: {requests: {memory: 1Mi}}}]}
`)
	args := []string{"capture", "manifests", "--complete", "--cluster", "staging", "--cluster-labels", "environment=staging,region=eu", "-o", out, pods, hubFixture + "before/policies.yaml"}
	if code, _, text := runReal(t, args...); code != 0 {
		t.Fatalf("capture: exit code %d: %s", code, text)
	}
	return out
}

func saveFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
