package kyverno

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	enginecontext "github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	"github.com/kyverno/kyverno/pkg/engine/variables"
)

type variable struct {
	name  string
	value any
}

// byName lists variables by name, so that of two that overlap the longer one wins.
func byName(values map[string]any) []variable {
	all := make([]variable, 0, len(values))
	for name, value := range values {
		all = append(all, variable{name, value})
	}
	slices.SortFunc(all, func(a, b variable) int { return cmp.Compare(a.name, b.name) })
	return all
}

// answered loads a context entry that is mocked. done is false when it is to be looked up.
func (m *Mocks) answered(entry kyvernov1.ContextEntry, jp jmespath.Interface, context enginecontext.Interface) (done bool, err error) {
	switch {
	case entry.APICall != nil:
		done, err = m.answerCall(entry, jp, context)
		return done || !m.Lookups, err
	case entry.ConfigMap != nil:
		return !m.Lookups && (m.Lenient || given(entry, context)), nil
	case entry.ImageRegistry != nil:
		return given(entry, context), nil
	case entry.GlobalReference != nil:
		return len(m.Global) == 0 && (m.Lenient || given(entry, context)), nil
	}
	return false, nil
}

// given tells whether variables stand for an entry, which is looked up or asked of a registry otherwise.
func given(entry kyvernov1.ContextEntry, context enginecontext.Interface) bool {
	found, err := context.Query(strconv.Quote(entry.Name)) // it may have hyphens
	return err == nil && found != nil
}

func (m *Mocks) answerCall(entry kyvernov1.ContextEntry, jp jmespath.Interface, context enginecontext.Interface) (bool, error) {
	if len(m.Calls) == 0 {
		return false, nil
	}
	call, err := variables.SubstituteAllInType(logr.Discard(), context, entry.APICall.DeepCopy())
	if err != nil {
		return false, fmt.Errorf("failed to substitute variables in apiCall context entry %q: %w", entry.Name, err)
	}
	url := call.URLPath
	if call.Service != nil {
		url = call.Service.URL
	}
	answer, ok := m.call(string(call.Method), url)
	if !ok {
		return false, nil
	}
	if answer.Status < 200 || answer.Status >= 300 {
		return true, fmt.Errorf("HTTP %d from apiCall mock for context entry %q", answer.Status, entry.Name)
	}
	found := answer.Body
	if call.JMESPath != "" {
		if found, err = jp.Search(call.JMESPath, found); err != nil {
			return true, fmt.Errorf("failed to apply JMESPath %q for context entry %q: %w", call.JMESPath, entry.Name, err)
		}
	}
	data, err := json.Marshal(found)
	if err != nil {
		return true, err
	}
	return true, context.AddContextEntry(entry.Name, data)
}
