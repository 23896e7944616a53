package traffic

import "github.com/seatrial/seatrial/simulator/capture"

// ownReason says why the creation of an API server's own object is not sent.
const ownReason = "every API server makes it itself"

// Own tells of the objects by which an API server is reached from within its cluster: each makes its
// own before anybody can ask, and has them back soon when they are deleted.
func Own(kind capture.GVK, namespace, name string) bool {
	if namespace != "default" || name != "kubernetes" {
		return false
	}
	switch kind.Group {
	case "":
		return kind.Kind == "Service" || kind.Kind == "Endpoints"
	case "discovery.k8s.io":
		return kind.Kind == "EndpointSlice"
	}
	return false
}

// CreatesOwn tells of a request that no cluster can be asked as it was: what it creates is there, and a
// policy that looks it up finds it.
func CreatesOwn(rec *capture.Record) bool {
	return rec.Operation == capture.Create && rec.SubResource == "" && Own(rec.Kind, rec.Namespace, rec.Name)
}
