package capture

import (
	"encoding/json"
	"fmt"
	"time"
)

// RegistryAnswerKind is the kind of the world objects that say what an image registry
// answered. They are named after their URL.
const RegistryAnswerKind = "RegistryAnswer"

// RegistryAnswer is what an image registry answered to a GET. Nothing of the request is
// kept but its URL, without query: no credentials, no tokens.
type RegistryAnswer struct {
	URL         string    `json:"url"`                   // https://HOST/v2/REPOSITORY/{manifests,blobs,referrers}/REFERENCE
	Status      int       `json:"status,omitempty"`      // HTTP status, 200 or 404; 0: there was no answer to keep, see Failure
	ContentType string    `json:"contentType,omitempty"` // media type of Body
	Digest      string    `json:"digest,omitempty"`      // "sha256:…" of Body
	Fetched     time.Time `json:"fetched"`
	Body        []byte    `json:"body,omitempty"` // base64 in the file
	Failure     string    `json:"failure,omitempty"`
}

// registryAnswer is the answer as an object of the world.
type registryAnswer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	RegistryAnswer `json:",inline"`
}

// WorldObject returns the answer as an object of a cluster's world.
func (a RegistryAnswer) WorldObject(cluster string) (WorldObject, error) {
	object := registryAnswer{APIVersion: APIVersion, Kind: RegistryAnswerKind, RegistryAnswer: a}
	object.Metadata.Name = a.URL
	raw, err := json.Marshal(object)
	if err != nil {
		return WorldObject{}, fmt.Errorf("write the answer of %s: %w", a.URL, err)
	}
	return WorldObject{Cluster: cluster, Object: raw, Origin: Origin{Source: "registry"}}, nil
}

// RegistryAnswers returns what image registries answered, by URL.
func (w *World) RegistryAnswers() ([]RegistryAnswer, error) {
	var all []RegistryAnswer
	for _, o := range w.Objects(func(apiVersion, kind string) bool { return apiVersion == APIVersion && kind == RegistryAnswerKind }) {
		var one registryAnswer
		if err := json.Unmarshal(o.Object, &one); err != nil {
			return nil, fmt.Errorf("%w: the answer of a registry does not decode: %v", ErrFormat, err)
		}
		all = append(all, one.RegistryAnswer)
	}
	return all, nil
}
