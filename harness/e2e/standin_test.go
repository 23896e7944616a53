package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/harness/hub"
	"github.com/seatrial/seatrial/harness/objects"
)

// TestMain runs the tests or, started under the name of an agent, its stand-in.
//
// The stand-ins take the agents' flags and environment and do as much as shows that the
// driver drives: members join, staged runs ship ClusterPolicies stage by stage in the order
// of names, wait for approvals, stop, and ship an older snapshot. They do not schedule (all
// members are picked), read no other placement than one with a staged run, no variables and
// no Delete overrides, delete nothing, and check nothing that an API server would.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "hubagent", "hubagent-deaf":
		standIn(hubAgent)
	case "memberagent":
		standIn(memberAgent)
	case "refreshtoken":
		refreshToken()
	default:
		os.Exit(m.Run())
	}
}

// standIn serves the probe and works in a loop until it is killed.
func standIn(start func(kubeconfig string) func(context.Context) error) {
	flags := flag.NewFlagSet(os.Args[0], flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "")
	probe := flags.String("health-probe-bind-address", "", "")
	for _, arg := range os.Args[1:] { // the others are the real agents'
		if name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); flags.Lookup(name) != nil {
			_ = flags.Parse([]string{arg})
		}
	}
	work := start(*kubeconfig)
	go func() {
		for {
			if err := work(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	fmt.Fprintln(os.Stderr, http.ListenAndServe(*probe, nil))
	os.Exit(1)
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return v
}

func clientOf(kubeconfig string) *objects.Client {
	return must(objects.New(must(clientcmd.BuildConfigFromFlags("", kubeconfig))))
}

// agents links the stand-ins and writes the definitions that they need.
func agents(dir, hubAgent string) (hub.Agents, error) {
	self, err := os.Executable()
	if err != nil {
		return hub.Agents{}, err
	}
	a := hub.Agents{HubAgent: filepath.Join(dir, hubAgent), MemberAgent: filepath.Join(dir, "memberagent"), CRDs: filepath.Join(dir, "crds")}
	for _, link := range []string{a.HubAgent, a.MemberAgent} {
		if err := os.Symlink(self, link); err != nil {
			return a, err
		}
	}
	if err := os.MkdirAll(a.CRDs, 0o700); err != nil {
		return a, err
	}
	for _, d := range []struct{ group, kind, plural, scope string }{
		{"cluster", "MemberCluster", "memberclusters", "Cluster"},
		{"placement", "ClusterResourcePlacement", "clusterresourceplacements", "Cluster"},
		{"placement", "ClusterResourceOverride", "clusterresourceoverrides", "Cluster"},
		{"placement", "ClusterResourceBinding", "clusterresourcebindings", "Cluster"},
		{"placement", "ClusterStagedUpdateStrategy", "clusterstagedupdatestrategies", "Cluster"},
		{"placement", "ClusterStagedUpdateRun", "clusterstagedupdateruns", "Cluster"},
		{"placement", "ClusterApprovalRequest", "clusterapprovalrequests", "Cluster"},
		{"placement", "ClusterSchedulingPolicySnapshot", "clusterschedulingpolicysnapshots", "Cluster"},
		{"placement", "SchedulingPolicySnapshot", "schedulingpolicysnapshots", "Namespaced"},
		{"placement", "StagedUpdateRun", "stagedupdateruns", "Namespaced"},
		{"placement", "Work", "works", "Namespaced"},
		{"placement", "AppliedWork", "appliedworks", "Cluster"},
	} {
		group := d.group + ".kubernetes-fleet.io"
		content, err := yaml.Marshal(definition(group, d.kind, d.plural, d.scope))
		if err != nil {
			return a, err
		}
		if err := os.WriteFile(filepath.Join(a.CRDs, group+"_"+d.plural+".yaml"), content, 0o600); err != nil {
			return a, err
		}
	}
	return a, nil
}

// definition takes any object, and keeps its status apart.
func definition(group, kind, plural, scope string) map[string]any {
	version := func(name string, storage bool) map[string]any {
		return map[string]any{"name": name, "served": true, "storage": storage, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}
	}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group, "annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, a stand-in"}},
		"spec": map[string]any{"group": group, "scope": scope, "names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)},
			"versions": []any{version("v1alpha1", false), version("v1beta1", true)}},
	}
}

func resource(group, plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group + ".kubernetes-fleet.io", Version: "v1beta1", Resource: plural}
}

// memberAgent applies the manifests of the member's Works, and says so.
func memberAgent(kubeconfig string) func(context.Context) error {
	member := clientOf(kubeconfig)
	name := os.Getenv("MEMBER_CLUSTER_NAME")
	to := must(objects.New(&rest.Config{Host: os.Getenv("HUB_SERVER_URL"), BearerTokenFile: os.Getenv("CONFIG_PATH"), TLSClientConfig: hubCA()}))
	namespace := "fleet-member-" + name
	works := to.Dynamic.Resource(resource("placement", "works")).Namespace(namespace)
	return func(ctx context.Context) error {
		if err := to.Create(ctx, object("v1", "ConfigMap", namespace, "alive")); err != nil {
			return err
		}
		list, err := works.List(ctx, listAll)
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := applyWork(ctx, member, works, &list.Items[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func applyWork(ctx context.Context, member *objects.Client, works dynamic.ResourceInterface, w *unstructured.Unstructured) error {
	manifests, _, _ := unstructured.NestedSlice(w.Object, "spec", "workload", "manifests")
	status, why := "True", "applied"
	for _, m := range manifests {
		if err := member.Put(ctx, &unstructured.Unstructured{Object: m.(map[string]any)}); err != nil {
			status, why = "False", err.Error()
		}
	}
	return condition(ctx, works, w, "Applied", status, "ApplyOutcome", why)
}
