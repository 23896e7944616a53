// Package admission does to a captured request what an API server does before it asks
// webhooks: objects of Kubernetes itself are decoded and defaulted by Kubernetes' own code,
// get the namespace of their request, and go through the built-in plugins that change
// objects: service accounts, tolerations, priorities, limit ranges, default classes.
//
// [Prepare] is all there is. Objects that an API server has answered with ([capture.Record]
// Live) have been through all of it and stay as they are. Custom resources get the defaults
// of their definitions, lose the fields that these do not know, and get their namespace.
//
// It does not do: quotas and other plugins that refuse after webhooks, validation by schemas,
// conversion of custom resources between versions.
package admission
