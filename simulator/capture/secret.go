package capture

import "encoding/json"

// withheld is a Secret of which a live capture holds the metadata and the type alone, as an object
// of the world: its data says that it was not read, and so does its type where that was not either.
// ok is false of any other record.
func withheld(r *Record) (o *WorldObject, ok bool) {
	var object map[string]any
	if (r.Kind != GVK{Version: "v1", Kind: "Secret"}) || !r.Lacks(MissingObject) || !r.Live || json.Unmarshal(r.Object, &object) != nil {
		return nil, false
	}
	object["data"] = map[string]any{Hidden: HiddenBase64}
	if object["type"] == nil {
		object["type"] = Hidden
	}
	raw, err := json.Marshal(object)
	return &WorldObject{Cluster: r.Cluster, Object: raw, Origin: r.Origin}, err == nil
}

// Withheld tells of a Secret whose keys and values were never read, and whether its type was.
func Withheld(object map[string]any) (withheld, typed bool) {
	data, _ := object["data"].(map[string]any)
	_, withheld = data[Hidden]
	return withheld && len(data) == 1 && object["kind"] == "Secret", object["type"] != Hidden
}

// IsWithheld is [Withheld] of an object of the world.
func (o *WorldObject) IsWithheld() bool {
	var object map[string]any
	if headOf(o.Object).Kind != "Secret" || json.Unmarshal(o.Object, &object) != nil {
		return false
	}
	withheld, _ := Withheld(object)
	return withheld
}
