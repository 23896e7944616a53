// Package e2e holds the suites that run on real clusters: the provider's contract, what
// controllers and nodes do, traffic, gates, ways back, and what happens when parts of a
// cluster die. They run on embedded fleets, with real kube-apiservers, a real etcd and
// real Kyverno; go test -short leaves them out.
package e2e
