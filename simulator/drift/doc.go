// Package drift compares what a hub intends for each cluster with what captures show is
// installed there. [Compare] takes both and gives a [Result]: each policy and exception of
// each cluster with its [Finding]s, an object that is as intended with none.
//
// What differs for no reason of the hub's is not drift: defaults of an API server, what
// Kyverno and KubeFleet add, the version of the API in which an object was read. What can
// not be told is [NotEvaluated], with the reason, and never in sync: a cluster that is not
// in the capture, a kind of which the capture does not hold all objects.
//
// Differences carry their effect where it can be told from the fields alone: a policy that
// was Enforce and is Audit, a namespace newly excluded, a rule that is gone are weaker.
// What cannot be told (another expression, another pattern) is another version.
package drift
