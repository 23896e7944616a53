// Package faults makes things go wrong during a rehearsal, as a scenario says: which
// clusters are hit is drawn by the seed ([Draw]), and a [Board] stops things when their
// stage comes and starts them again. It does not know how a thing is stopped; whoever
// owns a [Switch] does.
package faults
