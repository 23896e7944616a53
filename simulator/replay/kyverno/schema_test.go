package kyverno

import (
	"strings"
	"testing"
)

func TestSchemas(t *testing.T) {
	const rules = `, matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}`
	var s schemas
	for _, tt := range []struct {
		reason, object string
		want           string // in the error; empty: accepted
		stored         string // in what comes back
	}{
		{
			reason: "defaults of the CRD are filled in",
			object: `{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: a, namespace: b}, spec: {policyRefs: [{kind: ValidatingPolicy, name: x}]}}`,
			stored: `"reportResult":"skip"`,
		}, {
			reason: "an unknown field is named with its path",
			object: `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: a}, spec: {validation: []` + rules + `}}`,
			want:   `strict decoding error: unknown field "spec.validation"`,
		}, {
			reason: "an enumeration is checked",
			object: `{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: a, namespace: b}, spec: {reportResult: maybe, policyRefs: [{kind: ValidatingPolicy, name: x}]}}`,
			want:   `Unsupported value: "maybe"`,
		}, {
			reason: "what a cluster adds is no fault: the status is not written, metadata is known",
			object: `{apiVersion: policies.kyverno.io/v1beta1, kind: ValidatingPolicy, metadata: {name: a, uid: u, generation: 2, resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z", managedFields: [{manager: kubectl, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {}}]}, spec: {validations: [{expression: "true"}]` + rules + `}, status: {generated: true, autogen: {configs: {}}}}`,
		}, {
			reason: "unknown fields of the status are refused all the same",
			object: `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: a}, spec: {more: 1, validations: [{expression: "true"}]` + rules + `}, status: {x: 1}}`,
			want:   `strict decoding error: unknown field "spec.more", unknown field "status.x"`,
		}, {
			reason: "its values are not judged",
			object: `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: a}, spec: {validations: [{expression: "true"}]` + rules + `}, status: {generated: nope}}`,
		}, {
			reason: "classic kinds are checked too",
			object: `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: a}, spec: {rules: [{name: x, match: {any: [{resources: {kind: [Pod]}}]}}]}}`,
			want:   `strict decoding error: unknown field "spec.rules[0].match.any[0].resources.kind"`,
		}, {
			reason: "of unknown fields each is named, and nothing else",
			object: `{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: a, namespace: b}, spec: {b: 1, a: {c: 2}, reportResult: maybe, policyRefs: [{kind: ValidatingPolicy, name: x}]}}`,
			want:   `strict decoding error: unknown field "spec.a", unknown field "spec.b"`,
		}, {
			reason: "global context entries have their definition, too",
			object: `{apiVersion: kyverno.io/v2beta1, kind: GlobalContextEntry, metadata: {name: a}, spec: {}}`,
			want:   `GlobalContextEntry.kyverno.io "a" is invalid: [<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid, spec.kubernetesResource: Required value]`,
		}, {
			reason: "with the types of their fields",
			object: `{apiVersion: kyverno.io/v2beta1, kind: GlobalContextEntry, metadata: {name: a}, spec: {apiCall: {urlPath: /api/v1/pods, refreshInterval: nope}}}`,
			want:   `GlobalContextEntry.kyverno.io "a" is invalid: spec.apiCall.refreshInterval: Invalid value: "nope": spec.apiCall.refreshInterval in body must be of type duration: "nope"`,
		}, {
			reason: "and what they do not know",
			object: `{apiVersion: kyverno.io/v2beta1, kind: GlobalContextEntry, metadata: {name: a}, spec: {apiCall: {urlPath: /api/v1/pods}, more: 1}}`,
			want:   `strict decoding error: unknown field "spec.more"`,
		}, {
			reason: "a version that is not served is not accepted",
			object: `{apiVersion: policies.kyverno.io/v9, kind: ValidatingPolicy, metadata: {name: a}, spec: {}}`,
			want:   "policies.kyverno.io/v9",
		}, {
			reason: "kinds of Kubernetes itself are left to the strict decoder",
			object: `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: a}, spec: {}}`,
		},
	} {
		object := setOf(t, "policy.yaml", []byte(tt.object)).Objects
		if len(object) != 1 { // a version that is not served is no policy kind
			set := setOf(t, "policy.yaml", []byte(tt.object))
			object = set.Others
		}
		stored, err := s.defaulted(object[0])
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.reason, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: want an error with %q, got %v", tt.reason, tt.want, err)
		case !strings.Contains(string(stored), tt.stored):
			t.Errorf("%s: want %s in %s", tt.reason, tt.stored, stored)
		}
	}
}
