package kyverno

import (
	"regexp"
	"slices"
	"strings"
)

const fieldPath = `(?:\.[^\s,\[\]]+|\[\d+\])+`

// atomics are the fields that an ApplyConfiguration may not have, as the API server's code lists
// them: in the random order of a map. A bracket that ends what MutatingPolicies say is no part of it.
var atomics = regexp.MustCompile(`(may not mutate atomic arrays, maps or structs: )(` + fieldPath + `(?:, ` + fieldPath + `)*)`)

// AtomicsInOrder is a message with such a list sorted.
func AtomicsInOrder(message string) string {
	return atomics.ReplaceAllStringFunc(message, func(found string) string {
		parts := atomics.FindStringSubmatch(found)
		fields := strings.Split(parts[2], ", ")
		slices.Sort(fields)
		return parts[1] + strings.Join(fields, ", ")
	})
}
