package kyverno

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/policy"
)

// What comes without a request when policies ship.
func TestShipping(t *testing.T) {
	const generate = `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: NAME}, spec: {rules: [{name: deny, match: {any: [{resources: {kinds: [Namespace]}}]}, generate: {MORE apiVersion: v1, kind: ConfigMap, name: x, namespace: shop, data: {a: {b: c}}}}]}}`
	const cel = `{apiVersion: policies.kyverno.io/v1, kind: GeneratingPolicy, metadata: {name: g}, spec: {evaluation: {MORE}, generate: [{expression: "true"}]}}`
	const mutate = `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: m}, spec: {rules: [{name: a, match: {any: [{resources: {kinds: [Pod]}}]}, mutate: {patchStrategicMerge: {a: b}}}]}}`
	with := func(text, more string) string { return strings.ReplaceAll(text, "MORE", more) }
	for reason, test := range map[string]struct {
		before, after string
		live          bool
		want          string
	}{
		"a new rule generates when it is triggered": {"", with(generate, ""), true, "updated, and nothing"},
		"or at once":                    {"", with(generate, "generateExisting: true,"), true, "as soon as they ship"},
		"also where that alone changes": {with(generate, ""), with(generate, "generateExisting: true,"), true, "as soon as they ship"},
		"CEL too":                       {"", with(cel, "generateExisting: {enabled: true}"), false, "as soon as they ship"},
		"what is synchronized goes with its policy":          {with(generate, "synchronize: true,"), "", false, "is deleted in the clusters"},
		"and with its rule":                                  {with(generate, "synchronize: true,"), strings.ReplaceAll(with(generate, "synchronize: true, generateExisting: true,"), "name: deny", "name: denied"), false, "as soon as they ship|is deleted in the clusters"},
		"what is not stays":                                  {with(generate, ""), "", false, ""},
		"and follows it":                                     {with(generate, "synchronize: true,"), strings.ReplaceAll(with(generate, "synchronize: true,"), "apiVersion: v1", "apiVersion: v2"), false, "is brought up to date as soon as they ship"},
		"so does what is orphaned":                           {with(generate, "synchronize: true, orphanDownstreamOnPolicyDelete: true,"), "", false, ""},
		"of CEL as well":                                     {with(cel, "synchronize: {enabled: true}"), "", false, "is deleted in the clusters"},
		"captured objects carry what a removed policy wrote": {mutate, "", true, "carries the mutations"},
		"those of a repository do not":                       {mutate, "", false, ""},
		"what does not change does nothing":                  {mutate, mutate, true, ""},
	} {
		set := func(text string) *policy.Set {
			content, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "NAME", "p")))
			if err != nil {
				t.Fatal(err)
			}
			if text == "" {
				return policy.FromObjects("none", nil)
			}
			kind, name := "ClusterPolicy", "p"
			if strings.Contains(text, "GeneratingPolicy") {
				kind = "GeneratingPolicy"
			}
			version := map[string]string{"ClusterPolicy": "kyverno.io/v1", "GeneratingPolicy": "policies.kyverno.io/v1"}[kind]
			return policy.FromObjects("s", []policy.Object{{APIVersion: version, Kind: kind, Name: name, JSON: content}})
		}
		notes := Shipping(policy.Diff(set(test.before), set(test.after)), test.live)
		var want []string
		if test.want != "" {
			want = strings.Split(test.want, "|")
		}
		if len(notes) != len(want) {
			t.Errorf("%s: %q, want %q", reason, notes, want)
			continue
		}
		for i, note := range notes {
			if !strings.Contains(note, want[i]) {
				t.Errorf("%s: %q, want %q", reason, note, want[i])
			}
		}
	}
}
