package kyverno

import (
	"context"
	"errors"

	"github.com/kyverno/kyverno/pkg/auth"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/seatrial/seatrial/simulator/admission"
	"github.com/seatrial/seatrial/simulator/capture"
)

// CanI answers what expressions of rules ask the authorizer. Whatever they ask about, Kyverno
// asks the API server about the kind of the object, of the user without any groups.
func (c client) CanI(ctx context.Context, kind, namespace, verb, subresource, user string) (bool, string, error) {
	r := c.req.rights()
	switch {
	case r == nil || c.req.env.mocks != nil:
		return true, "", nil
	case !c.req.userKnown():
		return false, "", c.unknown("who sends the request", resolveUser)
	}
	kinds := discovery{resources: r.resources, complete: true}
	return auth.NewCanI(kinds, reviews{client: c}, kind, namespace, "", verb, subresource, user).RunAccessCheck(ctx)
}

// reviews are the API server's answers to Kyverno's questions about users.
type reviews struct {
	authorizationclient.SubjectAccessReviewInterface // nil: nothing else is asked of it
	client                                           client
}

// Create answers a review from the roles of the capture.
func (r reviews) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	own := schema.GroupVersionResource{Group: authorizationv1.GroupName, Version: "v1", Resource: "subjectaccessreviews"}
	if err := r.client.may("create", own, "", ""); err != nil {
		return nil, err
	}
	rights, about := r.client.req.rights(), review.Spec.ResourceAttributes
	_, ruled := rights.rule(asked{
		roles: rights.users, user: review.Spec.User, verb: about.Verb, sub: about.Subresource, namespace: about.Namespace, name: about.Name,
		resource: schema.GroupVersionResource{Group: about.Group, Version: about.Version, Resource: about.Resource},
	})
	if !ruled.allowed && !rights.users.Complete {
		return nil, r.client.unknown("what user "+review.Spec.User+" may do", resolveRBAC)
	}
	review.Status.Allowed, review.Status.Reason = ruled.allowed, ruled.reason
	return review, nil
}

// reviews tells whether what is posted there is an access review that roles answer.
func (c client) reviews(to apiPath) bool {
	return c.req.rights() != nil && c.req.env.mocks == nil && to.name == "" && admission.Reviews(capture.GVR(to.resource))
}

// review answers an access review that a policy posts, from the roles of the capture.
func (c client) review(to apiPath, body []byte) ([]byte, error) {
	answer, err := c.req.rights().users.Review(capture.GVR(to.resource), to.namespace, body)
	var refused apierrors.APIStatus
	switch {
	case errors.Is(err, admission.ErrRights):
		return nil, c.unknown("what the user of an access review may do", resolveRBAC)
	case !c.reads && errors.As(err, &refused):
		return nil, apierrors.NewGenericServerResponse(int(refused.Status().Code), "post", schema.GroupResource{}, "", refused.Status().Message, 0, true)
	}
	return answer, err
}
