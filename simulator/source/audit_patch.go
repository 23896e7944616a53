package source

import (
	"encoding/json"
	"reflect"
	"regexp"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seatrial/seatrial/simulator/capture"
)

// patch is a patch that the log holds, and what it was applied to.
type patch struct {
	gvk     capture.GVK
	before  json.RawMessage
	managed json.RawMessage // the managedFields of that; nil where they are not known
	body    json.RawMessage
	event   *event
}

// patched is what a patch makes of the object before, as the first webhook sees it. The log does
// not say which kind of patch it is: where the kinds that it may be disagree, nobody knows. Nor is
// it known what it makes of an object that the log shows in another version.
func (a *auditor) patched(r *capture.Record, e *event, old, response map[string]any) map[string]any {
	if old == nil || len(e.RequestObject) == 0 || text(old, "apiVersion") != r.Kind.APIVersion() {
		return nil
	}
	if r.SubResource == "scale" && !reflect.DeepEqual(old["status"], response["status"]) {
		return nil // what it scales says more than the log
	}
	p := patch{gvk: r.Kind, before: encode(old), managed: a.managed[keyOf(r)], body: e.RequestObject, event: e}
	var made json.RawMessage
	for _, apply := range p.kinds() {
		after, err := apply()
		if err != nil || made != nil && !jsonpatch.Equal(made, after) {
			return nil
		}
		made = after
	}
	return decodeObject(made)
}

// kinds are the ways to apply a patch that its kind may ask for.
func (p patch) kinds() []func() (json.RawMessage, error) {
	if p.body[0] == '[' {
		return []func() (json.RawMessage, error){p.operations}
	}
	may, must := p.event.applies(p.managed)
	if must {
		return []func() (json.RawMessage, error){p.applied}
	}
	kinds := []func() (json.RawMessage, error){p.merged}
	if p.builtin() && directive.Match(p.body) {
		return []func() (json.RawMessage, error){p.strategic}
	}
	if p.builtin() {
		kinds = append(kinds, p.strategic)
	}
	if may {
		kinds = append(kinds, p.applied)
	}
	return kinds
}

// directive is a key by which a strategic patch says what becomes of a list or a map.
var directive = regexp.MustCompile(`[{,]\s*"\$(?:patch|retainKeys|setElementOrder/[^"]*|deleteFromPrimitiveList/[^"]*)"\s*:`)

// builtin tells of a kind of Kubernetes' own: to custom resources, no strategic patch applies.
func (p patch) builtin() bool { return scheme.Scheme.Recognizes(schema.GroupVersionKind(p.gvk)) }

func (p patch) operations() (json.RawMessage, error) {
	decoded, err := jsonpatch.DecodePatch(p.body)
	if err != nil {
		return nil, err
	}
	return decoded.Apply(p.before)
}

func (p patch) merged() (json.RawMessage, error) { return jsonpatch.MergePatch(p.before, p.body) }

func (p patch) strategic() (json.RawMessage, error) {
	typed, err := scheme.Scheme.New(schema.GroupVersionKind(p.gvk))
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(p.before, p.body, typed)
}

// another tells whether an answer is of another object of the same name.
func another(old, answer map[string]any) bool {
	was, is := text(metadataOf(old), "uid"), text(metadataOf(answer), "uid")
	return was != "" && is != "" && was != is
}

// follows tells whether an answer shows no more than one change to the object before: else the log
// does not show all that happened, and what was patched is not known.
func follows(old, answer map[string]any) bool {
	was, _ := at(old, ".metadata.generation")
	is, _ := at(answer, ".metadata.generation")
	before, counts := was.(int64)
	after, still := is.(int64)
	return counts == still && (after == before || after == before+1)
}

// answered is an answer whose version and generation are those that webhooks see: of the object
// before, where it is known.
func answered(answer, old map[string]any) map[string]any {
	meta, had := metadataOf(answer), metadataOf(old)
	for _, field := range []string{"resourceVersion", "generation"} {
		if delete(meta, field); had[field] != nil && meta != nil {
			meta[field] = had[field]
		}
	}
	return answer
}

func metadataOf(object map[string]any) map[string]any {
	meta, _ := object["metadata"].(map[string]any)
	return meta
}
