package source

import (
	"strings"

	"github.com/seatrial/seatrial/simulator/capture"
)

// whole is an answer that shows an object, or a list of them, as it is stored; nil for a Status, and
// for what an API server makes of objects for who asks for less: their metadata alone, or a table.
func whole(answer map[string]any) map[string]any {
	if text(answer, "kind") == "Status" && text(answer, "apiVersion") == "v1" || capture.IsView(text(answer, "apiVersion")) {
		return nil
	}
	return answer
}

// bare tells of an answer that shows the metadata of an object, and nothing else of it.
func bare(answer map[string]any) bool {
	return text(answer, "kind") == "PartialObjectMetadata" && capture.IsView(text(answer, "apiVersion"))
}

// bareItems says of the items of a list of metadata what they are, where they do not.
func bareItems(list map[string]any, items []map[string]any) {
	for _, item := range items {
		if text(item, "kind") == "" && text(list, "kind") == "PartialObjectMetadataList" && capture.IsView(text(list, "apiVersion")) {
			item["apiVersion"], item["kind"] = list["apiVersion"], "PartialObjectMetadata"
		}
	}
}

// dressed is the state of an object of which the answer to a request shows the metadata alone. The rest
// is as before where the generation tells that it did not change, else as sent, or as patched; nil
// where neither is known.
func (a *auditor) dressed(e *event, key stateKey, records []*capture.Record, answer map[string]any) (object map[string]any, sent bool) {
	known := a.state[key]
	generation := metadataOf(answer)["generation"]
	switch same := !another(known, answer); {
	case same && known != nil && generation != nil && metadataOf(known)["generation"] == generation && e.ObjectRef.Subresource == "":
		object, sent = known, a.sent[key]
	case len(records) == 1 && records[0].Object != nil && !records[0].Lacks(capture.MissingSent):
		object, sent = decodeObject(records[0].Object), true
	default:
		return nil, false
	}
	object["metadata"] = answer["metadata"]
	redact(object)
	return object, sent
}

// marks is an object after a deletion that waits, of which the answer shows the metadata alone.
func (a *auditor) marks(key stateKey, answer map[string]any) (object map[string]any, sent bool) {
	object, sent = a.state[key], a.sent[key]
	if object == nil || another(object, answer) {
		return nil, false
	}
	object["metadata"] = answer["metadata"]
	redact(object)
	return object, sent
}

// itemsOf returns the objects of a list; listed is false when the response is no list.
func itemsOf(response map[string]any) (items []map[string]any, listed bool) {
	list, listed := response["items"].([]any)
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			items = append(items, object)
		}
	}
	bareItems(response, items)
	return items, listed || strings.HasSuffix(text(response, "kind"), "List")
}
