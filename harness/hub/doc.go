// Package hub carries policies from a hub to the members of a rehearsal. A [Driver] is one
// way: [Builtin] applies the plan of simulator/placement itself and is always there;
// [KubeFleet] starts KubeFleet's own agents, which the user brings, as processes beside an
// embedded hub or in pods of a kind one, and waits for what they do.
//
// Package rollout walks the plan and asks the driver for each object on each member
// ([Driver.Deliver]); what a driver brings is compared with the plan ([Compare]), as
// answers are with predictions.
package hub
