// Package placement foretells what KubeFleet (also Azure Kubernetes Fleet Manager) brings
// from a hub to its members: which objects a placement selects, which clusters the scheduler
// picks and why not the others, what overrides make of an object in each cluster, and in
// which order a rollout reaches them. It never talks to a hub: hub objects are read as users
// write them, and every decision carries KubeFleet's own reason text.
//
// The rules are those of KubeFleet v0.3.1 and of its main branch at e160c1c; where the two
// differ, [Options.KubeFleet] chooses.
package placement
