package rollout

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// What a pod cannot start without and the world does not have gets a stand-in with the keys that
// are read; what is optional, or there, does not.
func TestPlaceholders(t *testing.T) {
	var objects []*unstructured.Unstructured
	for _, text := range []string{`
apiVersion: v1
kind: ConfigMap
metadata: {name: there, namespace: shop}
`, `
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  jobTemplate: {spec: {template: {spec: {
    volumes: [
      {name: a, secret: {secretName: certs, items: [{key: tls.key, path: k}]}},
      {name: b, configMap: {name: there}},
      {name: c, configMap: {name: maybe, optional: true}},
      {name: e, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: scratch}}}},
      {name: d, projected: {sources: [{configMap: {name: kube-root-ca.crt}}, {secret: {name: token}}, {serviceAccountToken: {path: t}}]}}],
    initContainers: [{name: i, image: i, envFrom: [{secretRef: {name: env}}, {configMapRef: {name: perhaps, optional: true}}]}],
    containers: [{name: c, image: c, env: [
      {name: PLAIN, value: x},
      {name: A, valueFrom: {secretKeyRef: {name: certs, key: password}}},
      {name: B, valueFrom: {configMapKeyRef: {name: settings, key: url}}},
      {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]}}}}
`, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template: {spec: {containers: [{name: db, image: db}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast}}]
`, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: default-class, namespace: shop}
spec: {}
`} {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	keys := map[string][]string{}
	for _, o := range placeholders(objects) {
		data, _, _ := unstructured.NestedMap(o.Object, "data")
		keys[name(o)] = []string{}
		for k := range data {
			keys[name(o)] = append(keys[name(o)], k)
		}
		slices.Sort(keys[name(o)])
	}
	want := map[string][]string{
		"Secret shop/certs": {"password", "tls.key"}, "Secret shop/token": {}, "Secret shop/env": {},
		"ConfigMap shop/settings": {"url"}, "StorageClass fast": {}, "StorageClass scratch": {},
	}
	for n, k := range want {
		if got, ok := keys[n]; !ok || !slices.Equal(got, k) {
			t.Errorf("%s: got keys %q, %v, want %q", n, got, ok, k)
		}
		delete(keys, n)
	}
	if len(keys) > 0 {
		t.Errorf("more than is needed: %v", keys)
	}
}
