// Package suite runs the test suites that teams have for their policies: kyverno-test.yaml
// files (cli.kyverno.io/v1alpha1, kind Test), with the engine that replays captures.
//
// [Find] lists the files below some paths, [Load] reads one, [Runner.Run] answers it: one
// [Row] for each expected result, in the order of the file, the same every time. A suite
// brings its own world: resources, values, users, exceptions, answers of APIs. What it does
// not bring is not there, so that nothing is undecided for want of a capture.
//
// The rules of Kyverno's own runner are kept wherever a cluster's answer does not differ;
// docs/fidelity.md lists where they are not, and [Options.CLI] switches those back.
package suite
