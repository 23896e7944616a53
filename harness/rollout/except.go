package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

// except lets the probe's object pass by exceptions from the denying policies.
func (t *trial) except(ctx context.Context) (undo func(context.Context) error, note string, err error) {
	var made []*unstructured.Unstructured
	undo = func(ctx context.Context) error {
		for _, e := range made {
			if err := t.client.Remove(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, o := range t.denying {
		e, err := exception(o, t.probe)
		if err != nil {
			return undo, "", err
		}
		if err := t.client.Put(ctx, e); err != nil {
			return undo, "", err
		}
		made = append(made, e)
	}
	return undo, "only this object is excepted; the policy stays in force for all others", nil
}

// exception is the narrowest exception from a policy for the object of a record.
func exception(o policy.Object, probe *capture.Record) (*unstructured.Unstructured, error) {
	e := object("", "PolicyException", "kyverno", "seatrial-"+o.Name)
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		e.SetAPIVersion("kyverno.io/v2")
		named := o.Name
		if o.Namespace != "" {
			named = o.Namespace + "/" + o.Name
		}
		resources := map[string]any{"kinds": []any{probe.Kind.Kind}, "names": []any{probe.Name}}
		if probe.Namespace != "" && probe.Kind.Kind != "Namespace" {
			resources["namespaces"] = []any{probe.Namespace}
		}
		e.Object["spec"] = map[string]any{
			"exceptions": []any{map[string]any{"policyName": named, "ruleNames": []any{"*"}}},
			"match":      map[string]any{"any": []any{map[string]any{"resources": resources}}},
		}
	case "ValidatingPolicy", "ImageValidatingPolicy", "MutatingPolicy", "GeneratingPolicy":
		e.SetAPIVersion("policies.kyverno.io/v1")
		e.Object["spec"] = map[string]any{
			"policyRefs": []any{map[string]any{"name": o.Name, "kind": o.Kind}},
			"matchConditions": []any{map[string]any{"name": "this-object",
				"expression": fmt.Sprintf("object.metadata.?name.orValue('') == %q", probe.Name)}},
		}
	default:
		return nil, fmt.Errorf("there are no exceptions from %s", o.Kind)
	}
	return e, nil
}

// trialPolicy denies the ConfigMap of trialProbe and nothing else.
func trialPolicy() (policy.Object, error) {
	content, err := json.Marshal(map[string]any{
		"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy",
		"metadata": map[string]any{"name": trialName},
		"spec": map[string]any{"background": false, "rules": []any{map[string]any{
			"name":  "deny",
			"match": map[string]any{"any": []any{map[string]any{"resources": map[string]any{"kinds": []any{"ConfigMap"}, "names": []any{trialName}}}}},
			"validate": map[string]any{"failureAction": "Enforce", "message": "refused to rehearse the way back",
				"deny": map[string]any{}},
		}}},
	})
	if err != nil {
		return policy.Object{}, err
	}
	set := policy.FromObjects("", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: trialName, JSON: content}})
	return set.Objects[0], nil
}

const trialName = "seatrial-way-back"

func trialProbe() *capture.Record {
	return &capture.Record{
		Operation: capture.Create, Kind: capture.GVK{Version: "v1", Kind: "ConfigMap"},
		Resource: capture.GVR{Version: "v1", Resource: "configmaps"}, Namespace: "default", Name: trialName,
		Object: json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + trialName + `","namespace":"default"}}`),
	}
}

func modeOf(o policy.Object) string { return string(policy.ModeOf(o)) }

// version8 is enough of a digest to tell versions apart.
func version8(digest string) string {
	const prefix = len("sha256:")
	if len(digest) < prefix+8 {
		return digest
	}
	return digest[prefix : prefix+8]
}

func version(s cluster.Spec) string {
	if s.KubernetesVersion != "" {
		return s.KubernetesVersion
	}
	return binaries.KubernetesVersion
}
