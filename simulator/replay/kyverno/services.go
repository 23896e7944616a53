package kyverno

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/engine/apicall"
	enginecontext "github.com/kyverno/kyverno/pkg/engine/context"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	"github.com/kyverno/kyverno/pkg/engine/variables"

	"github.com/seatrial/seatrial/simulator/answers"
)

const answersResolve = "say what it answers with --answers, or rehearse this policy on a fleet"

// serviceCall is a call of a ClusterPolicy to a service. It is never made: the user may have
// said what the service answers.
type serviceCall struct {
	req     *request
	entry   kyvernov1.ContextEntry
	jp      jmespath.Interface
	context enginecontext.Interface
}

// HasLoaded says no: the answer may depend on variables that change.
func (s serviceCall) HasLoaded() bool { return false }

// LoadData puts the answer into the context, as Kyverno's own loader does.
func (s serviceCall) LoadData() error {
	call, err := variables.SubstituteAllInType(logr.Discard(), s.context, s.entry.APICall.DeepCopy())
	if err != nil {
		return fmt.Errorf("failed to fetch data for APICall: failed to substitute variables in context entry %s %s: %v", s.entry.Name, s.entry.APICall.URLPath, err)
	}
	answer, err := answered(s.req, &call.APICall)
	switch {
	case errors.Is(err, errUnknown):
		return err
	case err != nil && s.entry.APICall.Default != nil:
		return s.context.AddContextEntry(s.entry.Name, s.entry.APICall.Default.Raw)
	case err != nil:
		return fmt.Errorf("failed to fetch data for APICall: %w", err)
	}
	found := answer.JSON
	if call.JMESPath != "" {
		if found, err = s.jp.Search(call.JMESPath, found); err != nil {
			return fmt.Errorf("failed to store data for APICall: failed to apply JMESPath %s for context entry %s: %w", call.JMESPath, s.entry.Name, err)
		}
	}
	data, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return s.context.AddContextEntry(s.entry.Name, data)
}

// answered is what the user says that a service answers to a call. An answer that refuses it
// is an error, one that is missing is unknown.
func answered(req *request, call *kyvernov1.APICall) (answers.Call, error) {
	url := call.URLPath
	if call.Service != nil {
		url = call.Service.URL
	}
	method, body := string(call.Method), []byte(nil)
	if method == "" {
		method = http.MethodGet
	}
	if method == http.MethodPost {
		data := map[string]any{}
		for _, d := range call.Data {
			data[d.Key] = d.Value
		}
		var err error
		if body, err = json.Marshal(data); err != nil {
			return answers.Call{}, fmt.Errorf("failed to encode HTTP POST data: %w", err)
		}
	}
	answer, ok := req.env.answers.Find(method, url, body)
	switch {
	case !ok:
		return answer, client{req: req}.unknown("the answer of service "+url, answersResolve)
	case answer.Failed():
		return answer, fmt.Errorf("HTTP %d %s: %s", answer.Status, http.StatusText(answer.Status), answer.Text())
	}
	return answer, nil
}

// answeredGlobally is what a GlobalContextEntry gets that calls a service, or asks the API server
// by path, which Kyverno's own code does.
func answeredGlobally(req *request, call *kyvernov1.APICall) (any, error) {
	if _, said := req.env.answers.Find(cmp.Or(string(call.Method), http.MethodGet), call.URLPath, nil); call.URLPath == "" || said {
		answer, err := answered(req, call)
		return answer.JSON, err
	}
	raw, err := apicall.NewExecutor(logr.Discard(), "globalcontext", client{req: req}, apicall.APICallConfiguration{}).Execute(context.Background(), call)
	if err != nil {
		return nil, err
	}
	var held any
	err = json.Unmarshal(raw, &held)
	return held, err
}

// calledByCEL is what Kyverno's HTTP library makes of an answer.
func calledByCEL(answer answers.Call) any {
	if body, ok := answer.JSON.(map[string]any); ok {
		out := map[string]any{}
		for key, value := range body {
			out[key] = value
		}
		out["statusCode"] = answer.Status
		return out
	}
	return map[string]any{"body": answer.JSON, "statusCode": answer.Status}
}
