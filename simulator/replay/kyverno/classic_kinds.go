package kyverno

import (
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
)

// newKindIndex collects what the rules of a policy match. Match blocks are read as
// generously as possible: a block that could match more than it names counts as any.
func newKindIndex(policy kyvernov1.PolicyInterface) kindIndex {
	index := kindIndex{}
	for _, rule := range installAutogenMemo().keep(policy, "") {
		blocks := matchBlocks(rule.MatchResources)
		if len(blocks) == 0 {
			index.any = true
		}
		for _, block := range blocks {
			index.add(block)
		}
	}
	return index
}

// matchBlocks lists the resource descriptions of which at least one must match.
// Under "all" every block must match, so each alone is a sound, generous test.
func matchBlocks(match kyvernov1.MatchResources) []kyvernov1.ResourceDescription {
	var blocks []kyvernov1.ResourceDescription
	for _, filter := range match.Any {
		blocks = append(blocks, filter.ResourceDescription)
	}
	for _, filter := range match.All {
		blocks = append(blocks, filter.ResourceDescription)
	}
	if len(blocks) == 0 {
		blocks = append(blocks, match.ResourceDescription)
	}
	return blocks
}

func (k *kindIndex) add(block kyvernov1.ResourceDescription) {
	if len(block.Kinds) == 0 {
		k.any = true
		return
	}
	var operations []string
	for _, o := range block.GetOperations() {
		operations = append(operations, strings.ToUpper(o))
	}
	for _, kind := range block.Kinds {
		group, version, name, sub := kubeutils.ParseKindSelector(kind)
		k.kinds = append(k.kinds, kindSelector{group, version, name, sub, operations})
	}
}
