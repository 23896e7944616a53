package hub

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"

	"github.com/seatrial/seatrial/harness/objects"
)

// The names that KubeFleet gives.
const (
	systemNamespace = "fleet-system"
	fleetGroup      = "cluster.kubernetes-fleet.io"
	placementGroup  = "placement.kubernetes-fleet.io"
)

// tokenLife is well over a rehearsal's.
const tokenLife = 12 * 60 * 60 // seconds

// install creates the definitions of the patterns. Agents in pods bring them in their
// manifests, and a folder only as well.
func (k *KubeFleet) install(ctx context.Context, c *objects.Client, patterns string) error {
	if k.agents.CRDs == "" {
		return nil
	}
	files, err := k.agents.definitions(patterns)
	if err != nil {
		return err
	}
	var crds []*unstructured.Unstructured
	for _, path := range files {
		found, err := readObjects(path)
		if err != nil {
			return err
		}
		for _, o := range found {
			if err := c.Create(ctx, o); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		crds = append(crds, found...)
	}
	return c.Served(ctx, crds)
}

func readObjects(path string) ([]*unstructured.Unstructured, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []*unstructured.Unstructured
	for docs := yaml.NewYAMLOrJSONDecoder(f, 4096); ; {
		o := &unstructured.Unstructured{}
		if err := docs.Decode(&o.Object); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if o.GetKind() != "" {
			out = append(out, o)
		}
	}
}

// join makes a member known to the hub, as a service account of the hub, and starts its
// agent once the hub agent has given that account its rights.
func (k *KubeFleet) join(ctx context.Context, m *Member) error {
	if err := k.install(ctx, m.Objects, memberPatterns); err != nil {
		return err
	}
	err := retry(ctx, 10*time.Second, 200*time.Millisecond, func(ctx context.Context) error { // its webhooks may not answer yet
		if err := k.hub.Create(ctx, named("v1", "ServiceAccount", systemNamespace, account(m.Name))); err != nil {
			return err
		}
		return k.hub.Put(ctx, memberCluster(m))
	})
	if err != nil {
		return err
	}
	binding := named("rbac.authorization.k8s.io/v1", "RoleBinding", "fleet-member-"+m.Name, "fleet-rolebinding-"+m.Name)
	err = retry(ctx, agentPatience, 100*time.Millisecond, func(ctx context.Context) error {
		got, err := k.hub.Get(ctx, binding)
		if err == nil && got == nil {
			err = fmt.Errorf("the hub agent has not made the RoleBinding %s", binding.GetName())
		}
		return err
	})
	if err != nil {
		return k.launcher.explained(ctx, err)
	}
	if err := k.startAgent(ctx, m); err != nil {
		return err
	}
	return retry(ctx, agentPatience, 100*time.Millisecond, func(ctx context.Context) error { return k.joined(ctx, m.Name) })
}

func account(member string) string { return "fleet-member-" + member }

// memberCluster is a member as the hub knows it: with its labels and taints.
func memberCluster(m *Member) *unstructured.Unstructured {
	o := named(fleetGroup+"/v1beta1", "MemberCluster", "", m.Name)
	o.SetLabels(m.Labels)
	spec := map[string]any{
		"identity":               map[string]any{"kind": "ServiceAccount", "name": account(m.Name), "namespace": systemNamespace},
		"heartbeatPeriodSeconds": int64(15),
	}
	var taints []any
	for _, t := range m.Taints {
		taints = append(taints, map[string]any{"key": t.Key, "value": t.Value, "effect": t.Effect})
	}
	if taints != nil {
		spec["taints"] = taints
	}
	o.Object["spec"] = spec
	return o
}

// startAgent starts a member's agent with a token of its account.
func (k *KubeFleet) startAgent(ctx context.Context, m *Member) error {
	token, err := k.token(ctx, m.Name)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return k.launcher.startMember(ctx, m, k.cluster, token)
}

// token is a new token of the member's account.
func (k *KubeFleet) token(ctx context.Context, member string) ([]byte, error) {
	client, err := kubernetes.NewForConfig(k.cluster.REST())
	if err != nil {
		return nil, err
	}
	life := int64(tokenLife)
	answer, err := client.CoreV1().ServiceAccounts(systemNamespace).CreateToken(ctx, account(member),
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &life}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return []byte(answer.Status.Token), nil
}

// joined says whether the hub holds the member for joined: that its agent is ready is no
// proof.
func (k *KubeFleet) joined(ctx context.Context, member string) error {
	got, err := k.hub.Get(ctx, named(fleetGroup+"/v1beta1", "MemberCluster", "", member))
	if err != nil {
		return err
	}
	if got == nil {
		return fmt.Errorf("the MemberCluster is gone")
	}
	if c := conditionOf(got.Object, "Joined"); c["status"] != "True" {
		return fmt.Errorf("the hub does not say Joined (%v)", c["message"])
	}
	return nil
}

// conditionOf is a condition of an object's status; nil when it has none.
func conditionOf(o map[string]any, name string) map[string]any {
	list, _, _ := unstructured.NestedSlice(o, "status", "conditions")
	for _, x := range list {
		if m, ok := x.(map[string]any); ok && m["type"] == name {
			return m
		}
	}
	return nil
}

func named(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}
