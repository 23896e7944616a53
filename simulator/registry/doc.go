// Package registry answers in the place of image registries: what they said when a capture
// was made, and nothing else.
//
// [New] makes [Answers] of recorded ones. They are an http.RoundTripper for clients of
// registries: manifests, blobs and referrers come by their URL, and content also by its
// digest. A recorded 404 is an answer. What was not recorded is an [Unknown] error, which
// says why; nothing here can reach a network.
//
// It does not do: uploads, lists of tags, authentication.
package registry
