package e2e

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/clustertest"
	"github.com/seatrial/seatrial/harness/cluster/embedded"
)

func TestEmbedded(t *testing.T) {
	if testing.Short() {
		t.Skip("starts clusters")
	}
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RegisterFailHandler(Fail)
	suite, reporter := GinkgoConfiguration()
	if suite.LabelFilter == "" {
		suite.LabelFilter = "!kind" // those take a container engine: make test-kind
	}
	RunSpecs(t, "fleets", suite, reporter)
}

// provider opens the fleet kept in dir.
func provider(dir string) cluster.Provider {
	p, err := embedded.New(dir, binaries.Default(nil), GinkgoWriter.Printf)
	Expect(err).NotTo(HaveOccurred())
	return p
}

var _ = Describe("embedded", func() {
	dir := ""
	BeforeEach(OncePerOrdered, func() { dir = GinkgoT().TempDir() })
	clustertest.Contract(func() cluster.Provider { return provider(dir) })
})
