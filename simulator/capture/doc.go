// Package capture is the capture format: a saved world. A capture holds admission
// requests in order ([Record]) and the cluster state that policies may look up
// ([World]), for one or more clusters, in one compressed, streamable file. FORMAT.md
// specifies it.
//
// [NewWriter] writes a capture, [Open] reads one: its world at once, its records one at a
// time, so that a million of them fit into little memory. A file that is truncated,
// corrupt or of a newer version is refused with [ErrFormat] and a reason; a file that is
// being written appears under its name only when it is complete.
//
// Values of Secrets never enter a capture: sources redact before they write.
package capture
