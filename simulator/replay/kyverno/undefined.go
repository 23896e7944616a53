package kyverno

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// undefined is what was judged with less than an API server knows.
type undefined struct {
	kinds sync.Map    // capture.GVK of custom resources without their definitions
	pods  atomic.Bool // see [Assumed]
	users atomic.Bool // see [Unfiltered]
}

// add remembers the kind of a record that policies said something of.
func (u *undefined) add(look lookup, rec *capture.Record, sides []verdict.Judgement) {
	w, ok := look.(world)
	said := func(j verdict.Judgement) bool { return len(j.Verdicts) > 0 }
	if ok && slices.ContainsFunc(sides, said) && admission.Undefined(w.World, rec) {
		u.kinds.Store(rec.Kind, true)
	}
}

// Undefined says which custom resources engines judged as they are written; empty for none.
func Undefined(engines map[string]*Engine) string {
	kinds := map[string]bool{}
	for _, e := range engines {
		e.undefined.kinds.Range(func(key, _ any) bool {
			gvk := key.(capture.GVK)
			kinds[gvk.APIVersion()+" "+gvk.Kind] = true
			return true
		})
	}
	if len(kinds) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(kinds))
	if more := len(names) - 5; more > 0 {
		names = append(names[:5:5], fmt.Sprintf("%d more", more))
	}
	return "custom resources were judged as they are written where the capture does not hold their CustomResourceDefinition, whose defaults may decide otherwise: " + strings.Join(names, ", ")
}
