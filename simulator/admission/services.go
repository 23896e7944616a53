package admission

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	services "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// What stands for the addresses of services, by family.
var drawnAddresses = map[core.IPFamily]string{core.IPv4Protocol: "10.96.0.10", core.IPv6Protocol: "fd00:10:96::a"}

// asTried allocates as for a dry run: ports on nodes are the ones that an API server tells then.
var asTried = []string{metav1.DryRunAll}

// allocate gives a service its addresses, families and ports on nodes, or keeps those that it
// has. What the API server refuses stays as far as it came: that is told by Valid.
func allocate(ctx context.Context, service, before *core.Service) {
	rest := servicesOf(twoFamilies(service) || before != nil && twoFamilies(before))
	if before == nil {
		_, _ = rest.BeginCreate(ctx, service, &metav1.CreateOptions{DryRun: asTried})
		return
	}
	_, _ = rest.BeginUpdate(ctx, service, before, &metav1.UpdateOptions{DryRun: asTried})
}

// twoFamilies tells whether a service needs a cluster with addresses of both families. How many
// a cluster has, is in no capture: others are taken for services of a cluster with one.
func twoFamilies(s *core.Service) bool {
	required := s.Spec.IPFamilyPolicy != nil && *s.Spec.IPFamilyPolicy == core.IPFamilyPolicyRequireDualStack
	return required || len(s.Spec.ClusterIPs) > 1 || slices.Contains(s.Spec.IPFamilies, core.IPv6Protocol)
}

// servicesOf is the API server's own code for services, over nothing stored.
func servicesOf(two bool) *services.REST {
	if two {
		return inTwoFamilies()
	}
	return inOneFamily()
}

var (
	inOneFamily   = sync.OnceValue(func() *services.REST { return newServices(allocated{}, core.IPv4Protocol) })
	inTwoFamilies = sync.OnceValue(func() *services.REST { return newServices(allocated{}, core.IPv4Protocol, core.IPv6Protocol) })
)

func newServices(taken allocated, families ...core.IPFamily) *services.REST {
	addresses := map[core.IPFamily]ipallocator.Interface{}
	for _, family := range families {
		addresses[family] = addressAllocator{family, taken}
	}
	options := generic.RESTOptions{
		StorageConfig: &storagebackend.ConfigForResource{}, ResourcePrefix: "services",
		Decorator: func(*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error), func() runtime.Object,
			func() runtime.Object, storage.AttrFunc, storage.IndexerFuncs, *cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
			return nil, func() {}, nil
		},
	}
	rest, _, _, err := services.NewREST(options, core.IPv4Protocol, addresses, portAllocator{taken: taken}, nil, nil, nil)
	if err != nil {
		panic(err) // it rests on nothing but what is above
	}
	return rest
}

// addressAllocator draws the same address always; any that is asked for is free unless it is taken.
type addressAllocator struct {
	family core.IPFamily
	taken  allocated
}

func (a addressAllocator) drawn() netip.Addr             { return netip.MustParseAddr(drawnAddresses[a.family]) }
func (a addressAllocator) AllocateNext() (net.IP, error) { return a.drawn().AsSlice(), nil }
func (a addressAllocator) IPFamily() core.IPFamily       { return a.family }
func (a addressAllocator) DryRun() ipallocator.Interface { return a }
func (a addressAllocator) Has(ip net.IP) bool            { return a.taken.addresses[ip.String()] }
func (addressAllocator) Release(net.IP) error            { return nil }
func (addressAllocator) ForEach(func(net.IP))            {}
func (addressAllocator) CIDR() net.IPNet                 { return net.IPNet{} }
func (addressAllocator) Destroy()                        {}
func (addressAllocator) EnableMetrics()                  {}

func (a addressAllocator) Allocate(ip net.IP) error {
	if a.Has(ip) {
		return ipallocator.ErrAllocated
	}
	return nil
}

// portAllocator has every port free that is not taken. Of a dry run it is asked for nothing else.
type portAllocator struct {
	portallocator.Interface
	taken allocated
}

func (a portAllocator) Has(port int) bool { return a.taken.ports[int32(port)] }
