package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/apis/discovery"
)

// counted is what is known here of the strategy of EndpointSlices, which has controllers in
// tow: it counts generations.
type counted struct{ plain }

func (counted) PrepareForCreate(_ context.Context, object runtime.Object) {
	object.(*discovery.EndpointSlice).Generation = 1
}

func (counted) PrepareForUpdate(_ context.Context, object, old runtime.Object) {
	after, before := object.(*discovery.EndpointSlice), old.(*discovery.EndpointSlice)
	content := func(slice discovery.EndpointSlice) discovery.EndpointSlice {
		slice.ObjectMeta = metav1.ObjectMeta{Labels: slice.Labels}
		return slice
	}
	if !equality.Semantic.DeepEqual(content(*after), content(*before)) {
		after.Generation = before.Generation + 1
	}
}

// bare is the strategy of kinds that have none of the API server's here.
func bare(object runtime.Object) strategy {
	if _, ok := object.(*discovery.EndpointSlice); ok {
		return counted{}
	}
	return plain{}
}
