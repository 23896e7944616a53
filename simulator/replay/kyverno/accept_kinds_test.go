package kyverno

import (
	"strings"
	"testing"

	"github.com/seatrial/seatrial/simulator/policy"
)

// Where it is not known what a cluster serves, it is told what becomes of policies: those that
// generate or change what it does not serve are refused, others match nothing.
func TestMisnamedKinds(t *testing.T) {
	const rule = `{"spec":{"rules":[{"name":"r","match":{"any":[{"resources":{"kinds":["argoproj.io/v1beta1/ArgoCD"]}}]},`
	for content, refused := range map[string]bool{
		rule + `"validate":{"message":"m","deny":{}}}]}}`:                                                     false,
		rule + `"generate":{"apiVersion":"argoproj.io/v1beta1","kind":"ArgoCD","name":"x"}}]}}`:               true,
		rule + `"generate":{"cloneList":{"kinds":["v1/Secret","argoproj.io/v1beta1/ArgoCD"]}}}]}}`:            true,
		rule + `"mutate":{"targets":[{"apiVersion":"argoproj.io/v1beta1","kind":"ArgoCD"}]}}]}}`:              true,
		rule + `"generate":{"apiVersion":"v1","kind":"ConfigMap","name":"x"}},{"mutate":{"targets":[{}]}}]}}`: false,
	} {
		set := policy.FromObjects("test", []policy.Object{{APIVersion: "kyverno.io/v1", Kind: "ClusterPolicy", Name: "p", JSON: []byte(content)}})
		_, key := keysOf(set.Objects[0])
		a := &acceptance{asked: map[string]error{}, unknown: map[string][]string{key: {"argoproj.io/v1beta1/ArgoCD"}}}
		note := a.misnamed(set)
		if !strings.HasSuffix(note, "ClusterPolicy p (argoproj.io/v1beta1/ArgoCD)") || strings.Contains(note, "are refused") != refused {
			t.Errorf("%s: %s", content, note)
		}
	}
}
