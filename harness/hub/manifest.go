package hub

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A manifest is a chart of KubeFleet as a user rendered it: what it installs, among it the
// Deployment of one agent.
type manifest struct {
	path       string
	objects    []*unstructured.Unstructured
	deployment *unstructured.Unstructured // one of the objects
}

// Environment that the member agent's container has.
const (
	hubURLEnv  = "HUB_SERVER_URL"
	memberEnv  = "MEMBER_CLUSTER_NAME"
	hubCAEnv   = "HUB_CERTIFICATE_AUTHORITY"
	caFileEnv  = "CA_BUNDLE"
	renderHint = "(hint: a chart is rendered with helm template)"
)

func readManifest(field, path string) (*manifest, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: %s", ErrNoAgents, field)
	}
	objects, err := readObjects(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w %s", field, err, renderHint)
	}
	m := &manifest{path: path, objects: objects}
	for _, o := range objects {
		if o.GetKind() != "Deployment" {
			continue
		}
		if m.deployment != nil {
			return nil, fmt.Errorf("%s: %s has two Deployments, %s and %s, want the agent's alone", field, path, m.deployment.GetName(), o.GetName())
		}
		m.deployment = o
	}
	if m.deployment == nil {
		return nil, fmt.Errorf("%s: %s has no Deployment %s", field, path, renderHint)
	}
	if len(containers(m.deployment)) == 0 {
		return nil, fmt.Errorf("%s: the Deployment %s of %s has no containers", field, m.deployment.GetName(), path)
	}
	return m, nil
}

// checkPods says what is wrong with agents that run in pods, all of it.
func (a Agents) checkPods() error {
	var errs []error
	if a.HubAgent != "" || a.MemberAgent != "" {
		errs = append(errs, errors.New("agents run as processes, hubAgent and memberAgent, or in pods, hubManifest and memberManifest: give one of the two"))
	}
	hub, err := readManifest("hubManifest", a.HubManifest)
	if err == nil && hub.agent() != nil {
		err = fmt.Errorf("hubManifest: %s is the member agent's: a container has the environment %s", a.HubManifest, memberEnv)
	}
	if err == nil {
		err = a.defines("hubManifest", hub, "memberclusters."+fleetGroup, "cluster.kubernetes-fleet.io_memberclusters.yaml")
	}
	errs = append(errs, err)
	member, err := readManifest("memberManifest", a.MemberManifest)
	if err == nil {
		_, _, err = member.tokenSecret()
	}
	if err == nil {
		err = a.defines("memberManifest", member, "appliedworks."+placementGroup, memberPatterns)
	}
	errs = append(errs, err)
	for _, path := range a.Images {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no file", path)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("images: %w (hint: docker save -o FILE IMAGE...)", err))
		}
	}
	return errors.Join(errs...)
}

// defines holds that a definition is in the manifest, or the folder of definitions has its file.
func (a Agents) defines(field string, m *manifest, name, file string) error {
	if slices.ContainsFunc(m.objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "CustomResourceDefinition" && o.GetName() == name
	}) {
		return nil
	}
	if a.CRDs == "" {
		return fmt.Errorf("%s: %s does not define %s (hint: name KubeFleet's config/crd/bases as crds)", field, m.path, name)
	}
	_, err := a.definitions(file)
	return err
}

// containers are those of a Deployment, the initial ones first, to be changed in place.
func containers(deployment *unstructured.Unstructured) (all []map[string]any) {
	for _, field := range []string{"initContainers", "containers"} {
		list, _, _ := unstructured.NestedFieldNoCopy(deployment.Object, "spec", "template", "spec", field)
		items, _ := list.([]any)
		for _, x := range items {
			if c, ok := x.(map[string]any); ok {
				all = append(all, c)
			}
		}
	}
	return all
}

// agent is the container of the member agent: the one that is told its member's name.
func (m *manifest) agent() map[string]any {
	for _, c := range containers(m.deployment) {
		env, _ := c["env"].([]any)
		if slices.ContainsFunc(env, isEnv(memberEnv)) {
			return c
		}
	}
	return nil
}

func isEnv(names ...string) func(any) bool {
	return func(x any) bool {
		e, _ := x.(map[string]any)
		name, _ := e["name"].(string)
		return slices.Contains(names, name)
	}
}

func args(container map[string]any) (out []string) {
	list, _ := container["args"].([]any)
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// tokenSecret is where the chart's second container finds the hub's token: its arguments are
// secret --name=NAME --namespace=NAMESPACE.
func (m *manifest) tokenSecret() (namespace, name string, err error) {
	agent := m.agent()
	if agent == nil {
		return "", "", fmt.Errorf("memberManifest: %s is not the member agent's: no container of its Deployment %s has the environment %s", m.path, m.deployment.GetName(), memberEnv)
	}
	for _, c := range containers(m.deployment) {
		list := args(c)
		if len(list) == 0 || list[0] != "secret" {
			continue
		}
		namespace = "default"
		for _, a := range list[1:] {
			if value, ok := strings.CutPrefix(a, "--name="); ok {
				name = value
			}
			if value, ok := strings.CutPrefix(a, "--namespace="); ok {
				namespace = value
			}
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("memberManifest: no container of %s reads the hub's token from a Secret (hint: render the chart with config.provider=secret and useCAAuth=false, its defaults)", m.path)
	}
	return namespace, name, nil
}

// copied are the manifest's objects, the Deployment with images that are not pulled when they
// are there already, and containers that ask for no share of a node: the captured world's pods
// came first, where an agent would have been there before them. namespaced says which kinds are in a namespace: KubeFleet's own unless
// an object names another.
func (m *manifest) copied(namespaced func(*unstructured.Unstructured) bool) *manifest {
	out := &manifest{path: m.path}
	for _, o := range m.objects {
		o = o.DeepCopy()
		if o.GetNamespace() == "" && namespaced(o) {
			o.SetNamespace(systemNamespace)
		}
		if o.GetKind() == "Deployment" {
			out.deployment = o
			for _, c := range containers(o) {
				if c["imagePullPolicy"] != "Never" {
					c["imagePullPolicy"] = "IfNotPresent"
				}
				resources, _ := c["resources"].(map[string]any)
				if resources == nil {
					resources = map[string]any{}
				}
				resources["requests"] = map[string]any{"cpu": "0", "memory": "0"} // without them they are the limits
				c["resources"] = resources
			}
		}
		out.objects = append(out.objects, o)
	}
	return out
}

// images are those that the agent's pods run.
func (m *manifest) images() (names []string) {
	for _, c := range containers(m.deployment) {
		if name, _ := c["image"].(string); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// atOnce lets the hub agent look at changes without waiting first, as beside embedded clusters:
// a staged run that is written with its policies freezes what the agent has seen of them.
func (m *manifest) atOnce() {
	for _, c := range containers(m.deployment) {
		list, _ := c["args"].([]any)
		for i, x := range list {
			for _, flag := range waits {
				if a, _ := x.(string); strings.HasPrefix(a, flag) {
					list[i] = flag + "0s"
				}
			}
		}
	}
}

// tell gives the member agent its name and its hub, whatever was rendered.
func (m *manifest) tell(member, hubURL string, hubCA []byte) {
	agent := m.agent()
	env, _ := agent["env"].([]any)
	env = slices.DeleteFunc(slices.Clone(env), isEnv(memberEnv, hubURLEnv, hubCAEnv, caFileEnv))
	for _, e := range [][2]string{{memberEnv, member}, {hubURLEnv, hubURL}, {hubCAEnv, base64.StdEncoding.EncodeToString(hubCA)}} {
		env = append(env, map[string]any{"name": e[0], "value": e[1]})
	}
	agent["env"] = env
}
