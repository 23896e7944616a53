package record

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

var (
	services = capture.GVR{Version: "v1", Resource: "services"}
	boats    = capture.GVR{Group: "sea.example", Version: "v1", Resource: "boatyards"}
)

// TestFleet captures real clusters as users of different rights.
func TestFleet(t *testing.T) {
	configs := harbours(t, "east", "west")
	east := configs[0]
	apply(t, east, roleFile)
	apply(t, east, "testdata/shop.yaml")
	apply(t, east, "testdata/boats.yaml")
	till, err := kubernetes.NewForConfigOrDie(east).AppsV1().Deployments("shop").Get(t.Context(), "till", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, east, "testdata/pods.yaml", "DEPLOYMENT", string(till.UID))
	reader := as(t, east, "reader", "seatrial-capture", "seatrial-capture-secrets")

	t.Run("everything", func(t *testing.T) { testEverything(t, east) })
	t.Run("the documented role", func(t *testing.T) { testDocumentedRole(t, reader) })
	t.Run("without secrets", func(t *testing.T) { testWithoutSecrets(t, as(t, east, "visitor", "seatrial-capture")) })
	t.Run("a user without rights", func(t *testing.T) { testNoRights(t, as(t, east, "nobody")) })
	t.Run("paging", func(t *testing.T) { testPaging(t, east) })
	t.Run("two clusters", func(t *testing.T) { testTwoClusters(t, configs) })
	t.Run("one namespace", func(t *testing.T) { testOneNamespace(t, east) })
	t.Run("rights in one namespace", func(t *testing.T) { testRightsInOneNamespace(t, within(t, east, "tenant", "shop", "seatrial-capture")) })
	t.Run("some kinds", func(t *testing.T) { testSomeKinds(t, east) })
}

func testEverything(t *testing.T, config *rest.Config) {
	c, sums := take(t, Options{}, Target{Name: "east", REST: config, Labels: map[string]string{"sea": "baltic"}})
	if got := c.Clusters[0]; got.ServerVersion != "v1.36.3" || got.Source != "cluster" || got.Labels["sea"] != "baltic" {
		t.Errorf("the cluster is %+v", got)
	}
	secretsStayOut(t, c)
	found := index(t, c)
	for _, want := range []string{"Deployment shop/till", "Service harbour/quay", "Boat harbour/dinghy", "ConfigMap shop/limits", "Namespace /shop", "ClusterPolicy /need-team"} {
		if r := found[want]; r == nil || !r.Live || r.Origin.Source != "cluster" {
			t.Errorf("%s is not a live record", want)
		}
	}
	if r := found["ReplicaSet shop/till-5d4"]; r == nil || r.Owner == nil || r.Owner.Kind != "Deployment" || r.Owner.Name != "till" {
		t.Errorf("the ReplicaSet is not the Deployment's: %+v", r)
	}
	if r := found["Boat harbour/dinghy"]; r != nil && !bytes.Contains(r.Object, []byte("9007199254740993")) {
		t.Errorf("a large number changed: %s", r.Object)
	}
	if r := found["Secret shop/card-reader"]; r == nil || !r.Lacks(capture.MissingObject) || !r.Redacted || !bytes.Contains(r.Object, []byte(`"app":"till"`)) || !bytes.Contains(r.Object, []byte(`"type":"Opaque"`)) || bytes.Contains(r.Object, []byte(`"data"`)) {
		t.Errorf("the Secret is not there with its metadata and type alone: %+v", r)
	}
	for name := range found {
		if kind, _, _ := strings.Cut(name, " "); strings.HasSuffix(kind, "Report") || kind == "Event" || kind == "Lease" || kind == "Endpoints" {
			t.Errorf("%s is a record", name)
		}
	}
	testWorld(t, c.World("east"))
	if len(sums[0].Skipped) != 1 || sums[0].Skipped[0].File != "broken.example/v1" {
		t.Errorf("skipped %v, want the API that nothing serves", sums[0].Skipped)
	}
}

// testWorld asks what policies ask.
func testWorld(t *testing.T, w *capture.World) {
	t.Helper()
	for _, test := range []struct {
		gvr             capture.GVR
		namespace, name string
		found, known    bool
	}{
		{capture.GVR{Version: "v1", Resource: "configmaps"}, "kyverno", "kyverno", true, true},
		{capture.GVR{Version: "v1", Resource: "configmaps"}, "shop", "absent", false, true},
		{capture.GVR{Version: "v1", Resource: "secrets"}, "shop", "card-reader", false, false},
		{capture.GVR{Version: "v1", Resource: "endpoints"}, "shop", "till", false, false},
		{capture.GVR{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}, "shop", "services", true, true},
		{capture.GVR{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}, "shop", "till", true, true},
		{capture.GVR{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, "", "boatyards.sea.example", true, true},
		{boats, "harbour", "absent", false, true},
	} {
		object, known := w.Get(test.gvr, test.namespace, test.name)
		if (object != nil) != test.found || known != test.known {
			t.Errorf("%s %s/%s: found %v, known %v", test.gvr.Resource, test.namespace, test.name, object != nil, known)
		}
	}
	if hooks := w.Objects(func(_, kind string) bool { return kind == "ValidatingWebhookConfiguration" }); len(hooks) == 0 {
		t.Error("no webhook configurations")
	}
	var policies []string
	for _, o := range w.Objects(policy.IsPolicyKind) {
		policies = append(policies, nameOf(t, o.Object))
	}
	want := "ValidatingAdmissionPolicy /no-root, ValidatingAdmissionPolicyBinding /no-root, ClusterPolicy /need-team, PolicyException harbour/old-quay"
	if got := strings.Join(policies, ", "); got != want {
		t.Errorf("policies: %s\nwant: %s", got, want)
	}
	if gvr, _, known := w.Resources.ResourceFor(capture.GVK{Group: "sea.example", Version: "v1", Kind: "Boat"}); !known || gvr != boats {
		t.Errorf("Boat is %v, known %v", gvr, known)
	}
}

func testPaging(t *testing.T, config *rest.Config) {
	whole, once := take(t, Options{QPS: 1000, Burst: 1000}, Target{Name: "east", REST: config})
	paged, often := take(t, Options{QPS: 1000, Burst: 1000, PageSize: 2}, Target{Name: "east", REST: config})
	if whole.End.Records == 0 || whole.End != paged.End {
		t.Errorf("pages of 2 give another capture: %+v, %+v", paged.End, whole.End)
	}
	if often[0].Requests < once[0].Requests+int(whole.End.Records)/4 {
		t.Errorf("%d requests with pages of 2, %d without", often[0].Requests, once[0].Requests)
	}
}

func testTwoClusters(t *testing.T, configs []*rest.Config) {
	c, sums := take(t, Options{}, Target{Name: "west", REST: configs[1]}, Target{Name: "east", REST: configs[0]})
	if len(sums) != 2 || c.Clusters[0].Name != "west" || c.Clusters[1].Name != "east" {
		t.Fatalf("clusters %+v", c.Clusters)
	}
	if o, _ := c.World("east").Get(capture.GVR{Version: "v1", Resource: "namespaces"}, "", "shop"); o == nil {
		t.Error("the shop is not in the east")
	}
	if o, known := c.World("west").Get(capture.GVR{Version: "v1", Resource: "namespaces"}, "", "shop"); o != nil || !known {
		t.Error("the shop is in the west")
	}
}

func testOneNamespace(t *testing.T, config *rest.Config) {
	c, _ := take(t, Options{Namespaces: []string{"shop"}}, Target{Name: "east", REST: config})
	found := index(t, c)
	for name, r := range found {
		if r.Namespace != "shop" && name != "Namespace /shop" {
			t.Errorf("%s is a record", name)
		}
	}
	if found["Service shop/till"] == nil {
		t.Error("no Service")
	}
	w := c.World("east")
	if _, known := w.List(services, "harbour"); known {
		t.Error("Services of another namespace are known")
	}
	if _, known := w.List(services, "shop"); !known {
		t.Error("Services of the namespace are not known")
	}
	if o, _ := w.Get(capture.GVR{Version: "v1", Resource: "configmaps"}, "kyverno", "kyverno"); o == nil {
		t.Error("no ConfigMap of Kyverno")
	}
	if o, _ := w.Get(capture.GVR{Group: "kyverno.io", Version: "v2", Resource: "policyexceptions"}, "harbour", "old-quay"); o == nil {
		t.Error("no exception of another namespace")
	}
}

func testSomeKinds(t *testing.T, config *rest.Config) {
	c, _ := take(t, Options{Kinds: []string{"deploy", "Boat.sea.example"}}, Target{Name: "east", REST: config})
	for name := range index(t, c) {
		if name != "Deployment shop/till" && name != "Boat harbour/dinghy" {
			t.Errorf("%s is a record", name)
		}
	}
	if c.End.Records != 2 || len(c.World("east").Objects(policy.IsPolicyKind)) != 4 {
		t.Errorf("%d records", c.End.Records)
	}
}
