// Package registries asks image registries what policies will ask them, and keeps the
// answers for replays: start with [New].
//
// A [Registries] is an http.RoundTripper, so that an engine can ask through it what its
// policies need; [Registries.Image] asks what any verification of an image may need besides:
// manifest, index and the child that Kyverno takes, configuration, cosign's signatures and
// attestations, and what refers to the image, with Notary's signatures of both.
//
// It only reads. Credentials come from the Docker configuration ($DOCKER_CONFIG, docker
// login) and stay here: of a request only the URL is kept, without its query. What cannot be
// had is kept as such, with the reason; a 404 is an answer.
package registries
