package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kubeutils "github.com/kyverno/kyverno/pkg/utils/kube"
)

// newKindIndex collects what some rules of a policy match. Match blocks are read as
// generously as possible: a block that could match more than it names counts as any.
func newKindIndex(policy kyvernov1.PolicyInterface, of func(*kyvernov1.Rule) bool) kindIndex {
	index := kindIndex{}
	for _, rule := range installAutogenMemo().keep(policy, "") {
		if !of(&rule) {
			continue
		}
		blocks := matchBlocks(rule.MatchResources)
		if len(blocks) == 0 {
			index.any = true
		}
		for _, block := range blocks {
			index.add(block)
		}
		index.onDelete = index.onDelete || speaksOnDelete(&rule)
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

// speaksOnDelete tells whether a rule may say anything of a deletion. Patterns and pod
// security are not evaluated then, and many rules exclude the operation themselves.
func speaksOnDelete(rule *kyvernov1.Rule) bool {
	v := rule.Validation
	if v != nil && (v.GetPattern() != nil || v.GetAnyPattern() != nil || v.PodSecurity != nil) {
		return false
	}
	if rule.HasMutate() && !rule.HasMutateExisting() || rule.HasVerifyImages() {
		return false
	}
	return !excludesDelete(rule)
}

var readsOperation = regexp.MustCompile(`^\{\{\s*request\.operation\s*(\|\|\s*'[A-Z]*')?\s*\}\}$`)

// excludesDelete recognises the precondition that policies use to leave deletions alone.
func excludesDelete(rule *kyvernov1.Rule) bool {
	raw, err := json.Marshal(rule.GetAnyAllConditions())
	if err != nil {
		return false
	}
	var conditions struct {
		All []struct {
			Key      any    `json:"key"`
			Operator string `json:"operator"`
			Value    any    `json:"value"`
		} `json:"all"`
	}
	if json.Unmarshal(raw, &conditions) != nil {
		return false
	}
	for _, c := range conditions.All {
		key, _ := c.Key.(string)
		if !readsOperation.MatchString(key) {
			continue
		}
		values, isList := c.Value.([]any)
		if !isList {
			values = []any{c.Value}
		}
		switch c.Operator {
		case "NotEquals", "NotEqual", "NotIn", "AnyNotIn", "AllNotIn":
			if len(values) == 1 && values[0] == "DELETE" || c.Operator != "AnyNotIn" && slices.Contains(values, any("DELETE")) {
				return true
			}
		case "Equals", "Equal", "In", "AnyIn", "AllIn":
			if !slices.Contains(values, any("DELETE")) {
				return true
			}
		}
	}
	return false
}
