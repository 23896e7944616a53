package admission

import (
	"encoding/json"
	"net"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/core"

	"github.com/seatrial/seatrial/simulator/capture"
)

// allocated are the addresses, and ports on nodes, that services have.
type allocated struct {
	addresses map[string]bool
	ports     map[int32]bool
}

// Allocated is what an API server says of a new Service that asks for an address or a port on
// nodes which another of the world has; a *Refused error has its words.
func Allocated(w *capture.World, rec *capture.Record, object json.RawMessage) error {
	gvk := schema.GroupVersionKind(rec.Kind)
	if rec.Operation != capture.Create || rec.SubResource != "" || gvk != corev1.SchemeGroupVersion.WithKind("Service") {
		return nil
	}
	inside, err := decode(object, gvk)
	if err != nil {
		return err
	}
	service := inside.(*core.Service)
	families := []core.IPFamily{core.IPv4Protocol}
	if twoFamilies(service) {
		families = append(families, core.IPv6Protocol)
	}
	rest := newServices(allocatedIn(w), families...)
	_, err = rest.BeginCreate(contextOf(rec), service, &metav1.CreateOptions{DryRun: asTried})
	return refusedFor(err)
}

// allocatedIn are those of all the services that a world shows.
func allocatedIn(w *capture.World) allocated {
	all := allocated{map[string]bool{}, map[int32]bool{}}
	found, _ := w.Guessing().List(capture.GVR{Version: "v1", Resource: "services"}, "")
	for _, o := range found {
		var service corev1.Service
		if json.Unmarshal(o.Object, &service) == nil {
			all.add(&service.Spec)
		}
	}
	return all
}

func (a allocated) add(spec *corev1.ServiceSpec) {
	for _, address := range append(spec.ClusterIPs, spec.ClusterIP) {
		if ip := net.ParseIP(address); ip != nil {
			a.addresses[ip.String()] = true
		}
	}
	a.ports[spec.HealthCheckNodePort] = spec.HealthCheckNodePort != 0
	for _, port := range spec.Ports {
		a.ports[port.NodePort] = port.NodePort != 0
	}
}
