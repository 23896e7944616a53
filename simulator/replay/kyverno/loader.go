package kyverno

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2beta1 "github.com/kyverno/kyverno/api/kyverno/v2beta1"
	engineapi "github.com/kyverno/kyverno/pkg/engine/api"
	enginecontext "github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/engine/factories"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	"github.com/kyverno/kyverno/pkg/globalcontext/store"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// contextLoader loads a rule's context entries from the capture. It is Kyverno's own
// loader, except for calls to services: the default would dial them.
type contextLoader struct {
	engineapi.ContextLoader
	req    *request
	policy kyvernov1.PolicyInterface
	rule   kyvernov1.Rule
}

func contextLoaders(req *request, entries map[string]*kyvernov2beta1.GlobalContextEntry, jp jmespath.Interface) engineapi.ContextLoaderFactory {
	base := factories.DefaultContextLoaderFactory(client{req: req}, factories.WithGlobalContextStore(globalContext{req, entries, jp}))
	return func(policy kyvernov1.PolicyInterface, rule kyvernov1.Rule) engineapi.ContextLoader {
		return contextLoader{base(policy, rule), req, policy, rule}
	}
}

func (l contextLoader) Load(ctx context.Context, jp jmespath.Interface, raw engineapi.RawClient, registry engineapi.RegistryClientFactory, entries []kyvernov1.ContextEntry, json enginecontext.Interface) error {
	l.req.misses.rule = l.rule.Name
	mocks := l.req.env.mocks
	if mocks != nil {
		if err := mocks.enter(l.policy, l.rule, json); err != nil {
			return err
		}
	}
	for _, entry := range entries {
		if mocks != nil {
			if done, err := mocks.answered(entry, jp, json); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if entry.APICall == nil || entry.APICall.Service == nil {
			if err := l.ContextLoader.Load(ctx, jp, raw, registry, []kyvernov1.ContextEntry{entry}, json); err != nil {
				return err
			}
			continue
		}
		deferred, err := enginecontext.NewDeferredLoader(entry.Name, serviceCall{l.req, entry, jp, json}, logr.Discard())
		if err != nil {
			return err
		}
		if err := json.AddDeferredLoader(deferred); err != nil {
			return err
		}
	}
	return nil
}

// globalContext serves GlobalContextEntry objects of the policy set from the capture.
type globalContext struct {
	req     *request
	entries map[string]*kyvernov2beta1.GlobalContextEntry
	jp      jmespath.Interface
}

func (g globalContext) Get(name string) (store.Entry, bool) {
	if mocks := g.req.env.mocks; mocks != nil {
		_, ok := mocks.Global[name]
		return mockedEntry{name, g.req}, ok
	}
	entry, ok := g.entries[name]
	if !ok && g.absent(name) {
		return nil, false
	}
	if !ok {
		// In a cluster a missing entry is an error as well; here it may just not be in the set.
		g.req.misses.add("GlobalContextEntry "+name+" is not in the policy set", "add the GlobalContextEntry to the policy set")
		return nil, false
	}
	if g.refused(entry) {
		return nil, false
	}
	return globalEntry{g, entry}, true
}

// absent tells that the cluster has no such entry beside those of the set.
func (g globalContext) absent(name string) bool {
	return !slices.ContainsFunc([]string{"v2", "v2beta1", "v2alpha1"}, func(version string) bool {
		_, err := g.req.look.get(schema.GroupVersionResource{Group: "kyverno.io", Version: version, Resource: "globalcontextentries"}, "", name)
		return !apierrors.IsNotFound(err)
	})
}

// refused tells of an entry that Kyverno never fills, because it may not read what is in it.
func (g globalContext) refused(entry *kyvernov2beta1.GlobalContextEntry) bool {
	resource := entry.Spec.KubernetesResource
	if resource == nil {
		return false
	}
	gvr := schema.GroupVersionResource{Group: resource.Group, Version: resource.Version, Resource: resource.Resource}
	for _, verb := range []string{"list", "watch"} {
		if err := (client{req: g.req}).may(verb, gvr, resource.Namespace, ""); err != nil {
			return apierrors.IsForbidden(err)
		}
	}
	return false
}

type globalEntry struct {
	from  globalContext
	entry *kyvernov2beta1.GlobalContextEntry
}

func (globalEntry) Stop() {}

// Get returns the list of objects, or the projection of it.
func (e globalEntry) Get(projection string) (any, error) {
	resource := e.entry.Spec.KubernetesResource
	if resource == nil {
		return e.called(projection)
	}
	gvr := schema.GroupVersionResource{Group: resource.Group, Version: resource.Version, Resource: resource.Resource}
	objects, err := client{req: e.from.req}.list(gvr, resource.Namespace, labels.Everything())
	if err != nil {
		return nil, err
	}
	if projection != "" && len(objects) > 0 {
		e.from.hides(gvr)
	}
	items := make([]any, len(objects))
	for i, object := range objects {
		items[i] = object
	}
	if projection == "" {
		return items, nil
	}
	for _, p := range e.entry.Spec.Projections {
		if p.Name == projection {
			if held, err := e.from.jp.Search(p.JMESPath, items); err == nil { // else Kyverno tells in an event
				return held, nil
			}
		}
	}
	return nil, fmt.Errorf("projection %q not found", projection)
}

// hides notes that a projection may be one of values that captures do not hold.
func (g globalContext) hides(resource schema.GroupVersionResource) {
	if resource.Group == "" && resource.Resource == "secrets" {
		g.req.misses.add(secretsMiss.reason, secretsMiss.resolve)
	}
}

// called is what an entry holds that calls an API.
func (e globalEntry) called(projection string) (any, error) {
	if e.entry.Spec.APICall == nil {
		return nil, fmt.Errorf("GlobalContextEntry %s asks for nothing", e.entry.Name)
	}
	answer, err := answeredGlobally(e.from.req, &e.entry.Spec.APICall.APICall)
	if err != nil {
		return nil, err
	}
	if asked, err := parseAPIPath(e.entry.Spec.APICall.URLPath); err == nil && projection != "" {
		e.from.hides(asked.resource)
	}
	held := map[string]any{"": answer}
	for _, p := range e.entry.Spec.Projections { // one that fails fails the entry
		if held[p.Name], err = e.from.jp.Search(p.JMESPath, answer); err != nil {
			return nil, err
		}
	}
	if held[projection] == nil {
		return nil, errors.New("no data available")
	}
	return held[projection], nil
}
