// Package simulator is the offline half of seatrial: it answers "what would these
// policies have said about this workload?" without a cluster and without a network.
//
// Its packages follow the data: [capture] holds what production runs, source turns
// files into captures, policy holds one side of a comparison, replay runs an engine
// over a capture, diff compares two sides request by request, blast rolls the
// differences up to what people own.
//
// Replaying the same capture under the same sets yields the same answer, byte for
// byte. Anything that would break that — wall clocks, map order, live lookups —
// enters through an argument, or not at all.
package simulator
