// Package source turns files into captures: [Manifests] reads what kubectl, Git
// repositories and renderers write, [Kustomize] and [Helm] render, [Velero] reads backups,
// [Audit] reads the API server's audit log, and [Live] takes what a running cluster lists.
//
// Every source names what it could not read, with file and line, and goes on: a capture
// says what it lacks. Values of Secrets are replaced here, before anything is written;
// reasons and messages never quote a document.
package source
