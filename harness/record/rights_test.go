package record

import (
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/seatrial/seatrial/simulator/capture"
)

func testDocumentedRole(t *testing.T, reader *rest.Config) {
	c, sums := take(t, Options{}, Target{Name: "east", REST: reader})
	secretsStayOut(t, c)
	var skipped []string
	for _, s := range sums[0].Skipped {
		skipped = append(skipped, s.File)
	}
	if got := strings.Join(skipped, " "); got != "boatyards.sea.example broken.example/v1" {
		t.Errorf("skipped %s, want the custom resources that the role does not name, and the API that nothing serves", got)
	}
	if index(t, c)["Secret shop/card-reader"] == nil {
		t.Error("no Secret")
	}
}

func testWithoutSecrets(t *testing.T, visitor *rest.Config) {
	c, sums := take(t, Options{}, Target{Name: "east", REST: visitor})
	if len(sums[0].Skipped) != 3 || sums[0].Skipped[2].File != "secrets" || !strings.HasPrefix(sums[0].Skipped[2].Reason, "forbidden") {
		t.Errorf("skipped %v", sums[0].Skipped)
	}
	if index(t, c)["Deployment shop/till"] == nil {
		t.Error("no Deployment")
	}
}

func testNoRights(t *testing.T, nobody *rest.Config) {
	c, sums := take(t, Options{}, Target{Name: "east", REST: nobody})
	if c.End.Records != 0 || sums[0].Resources != 0 || len(c.Skipped) < 50 {
		t.Errorf("%d records, %d resources, %d skipped", c.End.Records, sums[0].Resources, len(c.Skipped))
	}
	if _, known := c.World("east").List(services, ""); known {
		t.Error("Services are known to a user who may not list them")
	}
}

func testRightsInOneNamespace(t *testing.T, tenant *rest.Config) {
	c, _ := take(t, Options{Namespaces: []string{"shop"}}, Target{Name: "east", REST: tenant})
	if index(t, c)["Deployment shop/till"] == nil {
		t.Error("no Deployment")
	}
	w := c.World("east")
	exceptions := capture.GVR{Group: "kyverno.io", Version: "v2", Resource: "policyexceptions"}
	if _, known := w.List(exceptions, "shop"); !known {
		t.Error("exceptions of the namespace are not known")
	}
	if _, known := w.List(exceptions, ""); known {
		t.Error("exceptions of all namespaces are known to a tenant of one")
	}
}
