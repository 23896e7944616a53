// Package policy reads policy sets: one side of a comparison, as written. [Load] reads a
// folder, a file, or a folder of a git revision; [FromObjects] takes what a capture shows
// as installed; [Diff] tells what two sets differ in.
//
// A Set keeps every manifest as it stands in its file, with its place, so that an engine
// can compile it, a report can quote it, and a rollout can apply it. Nothing is dropped
// silently: documents that are no policies are in Others or Ignored, those that cannot be
// read in Problems.
//
// It does not judge policies; whether Kyverno would accept one is the engine's to say.
package policy
