package admission

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	authorizationapi "k8s.io/kubernetes/pkg/apis/authorization"
	"k8s.io/kubernetes/pkg/registry/authorization/localsubjectaccessreview"
	"k8s.io/kubernetes/pkg/registry/authorization/subjectaccessreview"

	"github.com/seatrial/seatrial/simulator/capture"
)

// ErrRights says that a capture does not tell what somebody may do.
var ErrRights = errors.New("the capture does not tell what the user may do")

// Reviews tells whether Review answers what is posted to the resource.
func Reviews(resource capture.GVR) bool {
	return resource.Group == authorizationapi.GroupName && resource.Version == "v1" && slices.Contains([]string{"subjectaccessreviews", "localsubjectaccessreviews"}, resource.Resource)
}

// Review answers an access review about others by the API server's own code. What is wrong
// with it is an API status error; ErrRights says that the answer is not known.
func (a *Authorizer) Review(resource capture.GVR, namespace string, body []byte) ([]byte, error) {
	asked := &reviewed{roles: a}
	kind, create := "SubjectAccessReview", rest.Creater(subjectaccessreview.NewREST(asked))
	if resource.Resource != "subjectaccessreviews" {
		kind, create = "LocalSubjectAccessReview", localsubjectaccessreview.NewREST(asked)
	}
	gvk := schema.GroupVersion{Group: resource.Group, Version: resource.Version}.WithKind(kind)
	review, err := decodeReview(body, gvk, namespace)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	answer, err := create.Create(request.WithNamespace(context.Background(), namespace), review, nil, &metav1.CreateOptions{})
	switch {
	case asked.unknown:
		return nil, ErrRights
	case err != nil:
		return nil, err
	}
	return encode(answer, gvk)
}

// decodeReview reads a review, which may leave out what its path says.
func decodeReview(body []byte, gvk schema.GroupVersionKind, namespace string) (runtime.Object, error) {
	var head metav1.TypeMeta
	if err := json.Unmarshal(body, &head); err != nil {
		return nil, err
	}
	if head.Kind != "" && head.Kind != gvk.Kind || head.APIVersion != "" && head.APIVersion != gvk.GroupVersion().String() {
		return nil, errors.New("not a " + gvk.Kind)
	}
	review, err := decode(body, gvk)
	if local, ok := review.(*authorizationapi.LocalSubjectAccessReview); ok && local.Namespace == "" {
		local.Namespace = namespace
	}
	return review, err
}

// reviewed answers one review, and remembers that it could not.
type reviewed struct {
	roles   *Authorizer
	unknown bool
}

// Authorize lets the API server's own administrators do everything. What nodes may do
// besides what roles say is not known.
func (r *reviewed) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	who := a.GetUser()
	if slices.Contains(who.GetGroups(), user.SystemPrivilegedGroup) {
		return authorizer.DecisionAllow, "", nil
	}
	decision, reason, err := r.roles.Authorize(ctx, a)
	node := strings.HasPrefix(who.GetName(), "system:node:") && slices.Contains(who.GetGroups(), user.NodesGroup)
	r.unknown = decision != authorizer.DecisionAllow && (node || !r.roles.Complete)
	return decision, reason, err
}
