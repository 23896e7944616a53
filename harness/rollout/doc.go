// Package rollout rehearses: it walks a scenario's stages on a live fleet and
// writes down what happened.
//
// [Rehearse] is the whole of it, readable as a list: bring up the fleet, load each
// cluster's captured world (world.go), install today's policies, measure the
// traffic without the change, then for each stage give its clusters their policies
// (plan.go, apply.go), send traffic, and let the gate decide (gate.go); after the
// last stage the ways back are tried and timed (rollback.go). Every live answer is
// compared with what the offline replay predicts for the same record under the
// same policies (predict.go).
//
// What is decided before the fleet exists: which policies each cluster has at
// every stage, which records it gets, and what the replay says of them. Only what
// is measured comes from the clusters. Two runs of a scenario with one seed
// therefore have the same steps.
package rollout
