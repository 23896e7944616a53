package kyverno

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/policy"
)

// DefaultConfig is Kyverno's ConfigMap as the release installs it.
func DefaultConfig() (policy.Object, error) {
	content, err := yaml.YAMLToJSON(defaultConfigMap)
	if err != nil {
		return policy.Object{}, fmt.Errorf("read the default configuration of Kyverno: %w", err)
	}
	return policy.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kyverno", Name: "kyverno", JSON: json.RawMessage(content)}, nil
}
