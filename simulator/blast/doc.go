// Package blast rolls the changes of single requests up to what people own: request,
// workload (root owner), namespace, team, cluster. A [Meter] is fed every answer of a
// replay, in order, and keeps counts and the changed workloads only; [Meter.Radius] is
// the result. [Config] is the file seatrial.yaml: which label names a team, and the
// budget that says how much change is allowed.
//
// It does not decide how anything is shown; reports does.
package blast

import "github.com/seatrial/seatrial/simulator/diff"

// Bite says when a change reaches a workload.
type Bite string

// The bites, soonest first.
const (
	BitesNow    Bite = "now"          // a recorded request would be answered differently
	NextRestart Bite = "next-restart" // a running pod would be refused when it is made again
	NextRollout Bite = "next-rollout" // a workload's template would be refused when it is applied again
	NextChange  Bite = "next-change"  // any other object, when it is applied again
	// NextCreation is when an object that stands would be refused that may be applied again: when it
	// is made anew.
	NextCreation Bite = "next-creation"
)

// Bites lists the bites, soonest first.
func Bites() []Bite { return []Bite{BitesNow, NextRestart, NextRollout, NextChange, NextCreation} }

// Counts counts by class; a request or workload may be in several.
type Counts map[diff.Class]int
