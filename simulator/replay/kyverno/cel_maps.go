package kyverno

import (
	"encoding/json"
	"regexp"
	"slices"
)

// CEL goes through the keys of a map in Go's random order. What all(), exists() and the like
// say of them is the same in any; a list of them that is read by place, or joined, is not.
var (
	listsKeys  = regexp.MustCompile(`\b(labels|annotations|matchLabels|nodeSelector|data|stringData|limits|requests|parameters)\)?(\.orValue\(\{\}\))?\)?\.(map|filter|transformList)\(`)
	listsAgain = regexp.MustCompile(`^\s*\.\s*(map|filter)\(`)
	takesPlace = regexp.MustCompile(`^\s*(\[|\.\s*(join|first|last|slice)\()`)
)

// ordersMaps tells whether an expression of a policy that decides takes the keys of a map in an order.
func ordersMaps(content []byte) bool {
	var policy any
	return listsKeys.Match(content) && json.Unmarshal(content, &policy) == nil && ordersMapsIn("", policy)
}

func ordersMapsIn(field string, content any) bool {
	switch content := content.(type) {
	case map[string]any:
		for key, value := range content {
			if ordersMapsIn(key, value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(content, func(one any) bool { return ordersMapsIn(field, one) })
	case string:
		return field == "expression" && takesKeys(content)
	}
	return false
}

// takesKeys tells whether a list of keys is read by place, or joined.
func takesKeys(expression string) bool {
	for _, at := range listsKeys.FindAllStringIndex(expression, -1) {
		rest := afterCall(expression[at[1]:])
		for {
			again := listsAgain.FindString(rest)
			if again == "" {
				break
			}
			rest = afterCall(rest[len(again):])
		}
		if takesPlace.MatchString(rest) {
			return true
		}
	}
	return false
}

// afterCall is what follows the arguments of a call.
func afterCall(text string) string {
	open := 1
	for i, c := range text {
		switch c {
		case '(':
			open++
		case ')':
			open--
		}
		if open == 0 {
			return text[i+1:]
		}
	}
	return ""
}
