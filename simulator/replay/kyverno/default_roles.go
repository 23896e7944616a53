package kyverno

import (
	"bytes"
	_ "embed" // the roles of the release
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

//go:embed defaults/kyverno-roles.yaml
var defaultRoles []byte

// releaseRights answers what the release's own roles let Kyverno's controllers do, beside
// what the world's roles do.
func releaseRights(w *capture.World) (*admission.Authorizer, error) {
	objects := w.Objects(func(apiVersion, _ string) bool { return strings.HasPrefix(apiVersion, "rbac.authorization.k8s.io/") })
	roles, err := releaseRoles()
	if err != nil {
		return nil, err
	}
	for _, role := range roles {
		objects = append(objects, &capture.WorldObject{Cluster: w.Cluster.Name, Object: role})
	}
	with, err := capture.NewWorld(w.Cluster, objects...)
	if err != nil {
		return nil, err
	}
	return admission.NewAuthorizer(with), nil
}

// releaseRoles are the roles of the release, read once.
var releaseRoles = sync.OnceValues(func() (roles []json.RawMessage, err error) {
	for _, doc := range bytes.Split(defaultRoles, []byte("\n---\n")) {
		content, err := yaml.YAMLToJSON(doc)
		if err != nil {
			return nil, fmt.Errorf("read the roles of Kyverno's release: %w", err)
		}
		roles = append(roles, content)
	}
	return roles, nil
})

// note says which policies of a set need rights that the capture does not show.
func (a *acceptance) note(set *policy.Set) string {
	var names []string
	for _, o := range set.Objects {
		if _, key := keysOf(o); a.lacking[key] {
			names = append(names, o.Kind+" "+strings.TrimPrefix(o.Namespace+"/"+o.Name, "/"))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "the capture does not show what Kyverno's controllers may do, and the release's own roles do not let them do what these policies ask of them; " +
		"a cluster without further roles refuses them, here they are taken: " + strings.Join(slices.Compact(names), ", ")
}
