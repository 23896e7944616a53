package kyverno

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/registry"
)

// Engine puts programs, one for each side, beside a cluster's world. as is the user of
// records that do not say who sent them; zero leaves them unknown.
func (c *Compiler) Engine(w *capture.World, as capture.User, programs ...*Program) (*Engine, error) {
	env := &environment{at: c.opt.At, everything: c.opt.IgnoreConfiguration, types: c.cel.types}
	own, err := typed[corev1.ConfigMap](w, capture.GVR{Version: "v1", Resource: "configmaps"}, "kyverno", "kyverno")
	if err != nil {
		return nil, err
	}
	if err := env.configure(own); err != nil {
		return nil, err
	}
	unfiltered := &environment{at: c.opt.At, everything: true} // by its default, the scan ignores resource filters
	if err := unfiltered.configure(own); err != nil {
		return nil, err
	}
	rbac := func(resource string) capture.GVR {
		return capture.GVR{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
	}
	env.bindings = typedList[rbacv1.RoleBinding](w, rbac("rolebindings"))
	env.clusters = typedList[rbacv1.ClusterRoleBinding](w, rbac("clusterrolebindings"))
	env.rolesKnown = bindingsKnown(w) || slices.ContainsFunc(env.clusters, isBootstrap)
	if !slices.ContainsFunc(env.clusters, isBootstrap) {
		env.bootstrapped()
	}
	unfiltered.rolesKnown = true // of nobody
	if env.registry, err = c.registryOf(w); err != nil {
		return nil, err
	}
	unfiltered.registry = env.registry
	env.answers, unfiltered.answers = c.opt.Answers, c.opt.Answers
	if !c.opt.EveryPolicy { // nobody asks about rights in suites
		if env.rights, err = rightsOf(w); err != nil {
			return nil, err
		}
	}
	unfiltered.rights = env.rights
	e := &Engine{env: env, unfiltered: unfiltered, look: world{World: w, written: c.opt.EveryPolicy}, as: as, undefined: &undefined{}, bodiless: &bodiless{}, reads: env.rights.reading(), crashes: &crashes{}}
	if e.looks, err = looks(e.look.(world), programs, env.rights != nil); err != nil {
		return nil, err
	}
	for _, p := range programs {
		own, err := env.configuredBy(p)
		if err != nil {
			return nil, err
		}
		e.envs = append(e.envs, own)
		e.scans = append(e.scans, p.scans)
		e.sides = append(e.sides, newSide(p.units, own.cfg.GetWebhook()))
	}
	return e, nil
}

// registryOf answers in the place of image registries; nil when nothing was recorded.
func (c *Compiler) registryOf(w *capture.World) (http.RoundTripper, error) {
	if c.opt.Registry != nil {
		return c.opt.Registry, nil
	}
	recorded, err := w.RegistryAnswers()
	if err != nil || len(recorded) == 0 {
		return nil, err
	}
	return registry.New(recorded)
}

// bootstrapped adds the bindings that every API server makes for itself: for users that are
// known at all, for controllers. Those that the capture holds stay as they are.
func (e *environment) bootstrapped() {
	have := map[string]bool{}
	for _, b := range e.clusters {
		have[b.Name] = true
	}
	clusters, bindings := admission.Bindings()
	for _, b := range clusters {
		if !have[b.Name] {
			e.clusters = append(e.clusters, b)
		}
	}
	have = map[string]bool{}
	for _, b := range e.bindings {
		have[b.Namespace+"/"+b.Name] = true
	}
	for _, b := range bindings {
		if !have[b.Namespace+"/"+b.Name] {
			e.bindings = append(e.bindings, b)
		}
	}
}

// isBootstrap tells of a binding that every API server makes. A capture that holds it is of
// a cluster, not of a repository, and holds the others too.
func isBootstrap(b *rbacv1.ClusterRoleBinding) bool { return b.Name == "cluster-admin" }

// bindingsKnown says whether the capture holds all bindings: it was made of a whole
// cluster, or says that it listed them.
func bindingsKnown(w *capture.World) bool {
	for _, resource := range []string{"rolebindings", "clusterrolebindings"} {
		if _, known := w.List(capture.GVR{Group: rbacv1.GroupName, Version: "v1", Resource: resource}, ""); !known {
			return false
		}
	}
	return true
}

func typed[T any](w *capture.World, gvr capture.GVR, namespace, name string) (*T, error) {
	found, _ := w.Get(gvr, namespace, name)
	if found == nil {
		return nil, nil
	}
	object := new(T)
	if err := json.Unmarshal(found.Object, object); err != nil {
		return nil, fmt.Errorf("decode %s %s/%s of the capture: %w", gvr.Resource, namespace, name, err)
	}
	return object, nil
}

func typedList[T any](w *capture.World, gvr capture.GVR) []*T {
	found, _ := w.List(gvr, "")
	var out []*T
	for _, o := range found {
		object := new(T)
		if json.Unmarshal(o.Object, object) == nil { // an API server has no others
			out = append(out, object)
		}
	}
	return out
}

// Notes returns what readers of both sides should know, without repetition.
func Notes(programs ...*Program) []string {
	seen := map[string]bool{}
	var notes []string
	for _, p := range programs {
		for _, note := range p.Notes {
			if !seen[note] {
				notes = append(notes, note)
			}
			seen[note] = true
		}
	}
	return notes
}
