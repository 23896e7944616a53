package kyverno

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

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
	env.latest, env.editions = bindingsOf(w), &sync.Map{}
	env.rolesKnown = bindingsKnown(w) || slices.ContainsFunc(typedList[rbacv1.ClusterRoleBinding](w, ofCluster), isBootstrap)
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

func typed[T any](w *capture.World, gvr capture.GVR, namespace, name string) (*T, error) {
	found, _ := w.Guessing().Get(gvr, namespace, name)
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
