package rollout

import (
	"regexp"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// Kyverno lists the controls of Pod Security that a pod violates in an order that is drawn
// where a rule excludes some. Any order is the same.

const controlBegins = "(Forbidden reason: "

var controls = regexp.MustCompile(`(?:\(Forbidden reason: .*?\]\))+`)

// inOrder is a message with the controls that it lists sorted, and fields that are drawn as well.
func inOrder(message string) string {
	return controls.ReplaceAllStringFunc(kyverno.AtomicsInOrder(message), func(run string) string {
		list := strings.Split(run, controlBegins)
		slices.Sort(list)
		return strings.Join(list, controlBegins)
	})
}

// sameWarning tells whether a warning is the one that was foretold, be it that the API server
// cut it.
func sameWarning(foretold, heard string) bool {
	if inOrder(foretold) == inOrder(heard) {
		return true
	}
	if len(heard) < shortened-8 {
		return false
	}
	heard = strings.TrimRight(heard, ".… ")
	if strings.HasPrefix(foretold, heard) {
		return true
	}
	all, some := strings.Split(foretold, controlBegins), strings.Split(heard, controlBegins)
	last := len(some) - 1
	for i, s := range some {
		if i == 0 && s != all[0] || i < last && !slices.Contains(all, s) {
			return false
		}
	}
	return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, some[last]) })
}
