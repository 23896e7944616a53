package rollout

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// placeholders are what pods that run need and the capture does not hold: ConfigMaps and Secrets
// with the keys that pods name, and storage classes. No capture has every Secret, and a pod
// without its own never starts.
func placeholders(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	have := map[string]bool{}
	for _, o := range objects {
		have[name(o)] = true
	}
	n := needs{}
	for _, o := range objects {
		if spec := podOf(o); spec != nil {
			n.pod(o.GetNamespace(), spec)
		}
		for _, claim := range claims(o) {
			if claim.StorageClassName != nil {
				n.add("StorageClass", "", *claim.StorageClassName)
			}
		}
	}
	var out []*unstructured.Unstructured
	for _, key := range slices.SortedFunc(maps.Keys(n), func(a, b need) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	}) {
		if have[title(key.kind, key.namespace, key.name)] || key.name == rootCA || key.name == "" {
			continue
		}
		out = append(out, key.object(n[key]))
	}
	return out
}

// rootCA is the ConfigMap that a controller puts into every namespace.
const rootCA = "kube-root-ca.crt"

type need struct{ kind, namespace, name string }

// needs are the keys that are read of each object.
type needs map[need]map[string]any

func (n needs) add(kind, namespace, name string, keys ...string) {
	at := need{kind, namespace, name}
	if n[at] == nil {
		n[at] = map[string]any{}
	}
	for _, k := range keys {
		n[at][k] = ""
	}
}

func (n need) object(keys map[string]any) *unstructured.Unstructured {
	if n.kind == "StorageClass" {
		o := object("storage.k8s.io/v1", n.kind, "", n.name)
		o.Object["provisioner"] = "rancher.io/local-path" // the one that kind clusters have
		o.Object["volumeBindingMode"] = "WaitForFirstConsumer"
		return o
	}
	o := object("v1", n.kind, n.namespace, n.name)
	o.Object["data"] = keys
	return o
}

// pod adds what a pod cannot start without.
func (n needs) pod(namespace string, spec *corev1.PodSpec) {
	required := func(optional *bool) bool { return optional == nil || !*optional }
	for _, v := range spec.Volumes {
		if s := v.Secret; s != nil && required(s.Optional) {
			n.add("Secret", namespace, s.SecretName, keysOf(s.Items)...)
		}
		if c := v.ConfigMap; c != nil && required(c.Optional) {
			n.add("ConfigMap", namespace, c.Name, keysOf(c.Items)...)
		}
		if e := v.Ephemeral; e != nil && e.VolumeClaimTemplate != nil && e.VolumeClaimTemplate.Spec.StorageClassName != nil {
			n.add("StorageClass", "", *e.VolumeClaimTemplate.Spec.StorageClassName)
		}
		if v.Projected == nil {
			continue
		}
		for _, p := range v.Projected.Sources {
			if s := p.Secret; s != nil && required(s.Optional) {
				n.add("Secret", namespace, s.Name, keysOf(s.Items)...)
			}
			if c := p.ConfigMap; c != nil && required(c.Optional) {
				n.add("ConfigMap", namespace, c.Name, keysOf(c.Items)...)
			}
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, from := range c.EnvFrom {
			if s := from.SecretRef; s != nil && required(s.Optional) {
				n.add("Secret", namespace, s.Name)
			}
			if m := from.ConfigMapRef; m != nil && required(m.Optional) {
				n.add("ConfigMap", namespace, m.Name)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if s := e.ValueFrom.SecretKeyRef; s != nil && required(s.Optional) {
				n.add("Secret", namespace, s.Name, s.Key)
			}
			if m := e.ValueFrom.ConfigMapKeyRef; m != nil && required(m.Optional) {
				n.add("ConfigMap", namespace, m.Name, m.Key)
			}
		}
	}
}

func keysOf(items []corev1.KeyToPath) (keys []string) {
	for _, i := range items {
		keys = append(keys, i.Key)
	}
	return keys
}

// podPaths are where the kinds that Kubernetes runs pods of keep the pod's spec.
var podPaths = [][]string{{"spec", "jobTemplate", "spec", "template", "spec"}, {"spec", "template", "spec"}, {"spec"}}

// podOf is the spec of the pods of an object; nil where it has none.
func podOf(o *unstructured.Unstructured) *corev1.PodSpec {
	for _, path := range podPaths {
		raw, ok, _ := unstructured.NestedMap(o.Object, path...)
		if _, has := raw["containers"]; !ok || !has {
			continue
		}
		spec := &corev1.PodSpec{}
		if as(raw, spec) {
			return spec
		}
	}
	return nil
}

// claims are the volumes that an object asks for: a claim itself, or the templates of a StatefulSet.
func claims(o *unstructured.Unstructured) (out []corev1.PersistentVolumeClaimSpec) {
	switch o.GetKind() {
	case "PersistentVolumeClaim":
		var c corev1.PersistentVolumeClaim
		if as(o.Object, &c) {
			out = append(out, c.Spec)
		}
	case "StatefulSet":
		var s struct {
			Spec struct {
				VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates"`
			} `json:"spec"`
		}
		if as(o.Object, &s) {
			for _, c := range s.Spec.VolumeClaimTemplates {
				out = append(out, c.Spec)
			}
		}
	}
	return out
}

// as reads an object into a typed value; false when it is no such object.
func as(from map[string]any, to any) bool {
	data, err := json.Marshal(from)
	return err == nil && json.Unmarshal(data, to) == nil
}
