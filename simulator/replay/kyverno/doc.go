// Package kyverno judges captured requests with Kyverno's own engine. It is the only
// package that imports it.
//
// A [Compiler] turns policy sets into units, each policy once, whatever the number of
// clusters and sides that use it. [Compiler.Engine] puts the units of both sides of a
// comparison beside one cluster's world; [Engine.Judge] answers one record for each side.
//
// Real admission is more than the engine: the API server's routing, Kyverno's resource
// filters and excluded users, mutation before image verification before validation, the
// split into Enforce and Audit, the block decision. scope.go, pipeline.go and classic*.go
// hold those stages around the engine; cel_*.go the policies of policies.kyverno.io.
//
// Whatever a policy looks up is served from the capture. What the capture cannot know is
// never guessed: the verdict is Undecided, with the reason and what to capture. Nothing
// here reaches a network or a cluster.
//
// It does not model: webhook time-outs and failures. The order of policies within one
// webhook is random in Kyverno and by name here; where another order would change what
// mutations make, the judgement says so.
package kyverno
