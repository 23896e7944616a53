package kyverno

import (
	"context"

	"github.com/go-logr/logr"
	kyvernov1 "github.com/kyverno/kyverno/api/kyverno/v1"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/background/common"
	"github.com/kyverno/kyverno/pkg/background/generate"
	kyvernov1listers "github.com/kyverno/kyverno/pkg/client/listers/kyverno/v1"
	"github.com/kyverno/kyverno/pkg/clients/dclient"
	"github.com/kyverno/kyverno/pkg/event"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/seatrial/seatrial/simulator/capture"
)

// downstream has Kyverno's background controller delete what was made for an object that no
// longer triggers a rule.
func (u classicBackground) downstream(req *request, policy kyvernov1.PolicyInterface, rule *kyvernov1.Rule, trigger *unstructured.Unstructured) *deleteClient {
	d := &deleteClient{client: client{req: req}}
	if req.rec.Operation != capture.Delete {
		d.trigger = trigger
	}
	policies := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	_ = policies.Add(policy) // it has a name
	controller := generate.NewGenerateController(d, nil, d, nil, kyvernov1listers.NewClusterPolicyLister(policies), kyvernov1listers.NewPolicyLister(policies),
		nil, nil, nil, event.NewFake(), logr.Discard(), nil)
	ur := &kyvernov2.UpdateRequest{Spec: kyvernov2.UpdateRequestSpec{
		Type: kyvernov2.Generate, Policy: common.PolicyKey(policy.GetNamespace(), policy.GetName()),
		RuleContext: []kyvernov2.RuleContext{{Rule: rule.Name, Trigger: common.ResourceSpecFromUnstructured(*trigger), DeleteDownstream: true}},
		Context:     kyvernov2.UpdateRequestSpecContext{AdmissionRequestInfo: kyvernov2.AdmissionRequestInfoObject{AdmissionRequest: &req.adm, Operation: req.adm.Operation}},
	}}
	if err := controller.ProcessUR(ur); err != nil {
		d.failed = err.Error()
	}
	d.untriggered = d.failed != "" && !d.asked
	return d
}

// deleteClient is the client of a controller that deletes. It reads from the capture, and keeps
// what it is asked to delete and how that ends. Of the rest see [generateClient].
type deleteClient struct {
	dclient.Interface
	client      client
	trigger     *unstructured.Unstructured // nil where it is gone
	asked       bool                       // what was made for the trigger
	listed      []unstructured.Unstructured
	deleted     []*unstructured.Unstructured
	failed      string
	untriggered bool // the controller did not find its trigger
}

// GetResource finds the trigger.
func (d *deleteClient) GetResource(_ context.Context, _, kind, _, name string, _ ...string) (*unstructured.Unstructured, error) {
	if d.trigger == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: kind}, name)
	}
	return d.trigger, nil
}

// ListResource finds what was made, by its labels. Without any it is to find the trigger.
func (d *deleteClient) ListResource(ctx context.Context, apiVersion, kind, namespace string, selector *metav1.LabelSelector) (*unstructured.UnstructuredList, error) {
	if selector == nil {
		list := &unstructured.UnstructuredList{}
		if d.trigger != nil {
			list.Items = append(list.Items, *d.trigger)
		}
		return list, nil
	}
	d.asked = true
	list, err := d.client.ListResource(ctx, apiVersion, kind, namespace, selector)
	if err != nil {
		return nil, err
	}
	d.listed = append(d.listed, list.Items...)
	return list, nil
}

func (d *deleteClient) DeleteResource(_ context.Context, _, kind, namespace, name string, _ bool, _ metav1.DeleteOptions) error {
	for i := range d.listed {
		if o := &d.listed[i]; o.GetKind() == kind && o.GetNamespace() == namespace && o.GetName() == name {
			d.deleted = append(d.deleted, o)
			return nil
		}
	}
	return nil
}

// Failed keeps why the controller gives up.
func (d *deleteClient) Failed(_, message string, _ []kyvernov1.ResourceSpec) (*kyvernov2.UpdateRequest, error) {
	d.failed = message
	return nil, nil
}

// Success is the controller's report of the end.
func (d *deleteClient) Success(string, []kyvernov1.ResourceSpec) (*kyvernov2.UpdateRequest, error) {
	return nil, nil
}

// Skip is not asked for.
func (d *deleteClient) Skip(string, []kyvernov1.ResourceSpec) (*kyvernov2.UpdateRequest, error) {
	return nil, nil
}
