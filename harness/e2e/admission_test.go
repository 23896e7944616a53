package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/rollout"
	"github.com/seatrial/seatrial/harness/traffic"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

// The replay's own tests compare its objects with recorded answers of an API server; here
// the recorded answers are compared with a real one's. SEATRIAL_RECORD=1 records them anew.
var _ = Describe("recorded answers", func() {
	It("are what an API server makes of objects", func(ctx SpecContext) {
		c := newCluster(ctx, cluster.Spec{Name: "admission"})
		apply(ctx, c, filepath.Join(answersDir, "world.yaml"))
		got := admitted(ctx, c)
		path := filepath.Join(answersDir, "answers.json")
		if os.Getenv("SEATRIAL_RECORD") != "" {
			Expect(os.WriteFile(path, append(got, '\n'), 0o644)).To(Succeed())
		}
		want, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(MatchJSON(want))
	})
})

const answersDir = "../../simulator/admission/testdata"

// admitted is what a cluster with their world makes of the objects of the recorded requests.
func admitted(ctx context.Context, c cluster.Cluster) []byte {
	GinkgoHelper()
	sender, err := traffic.New(c.REST())
	Expect(err).NotTo(HaveOccurred())
	sender.Keep = true
	var answers []any
	for rec, err := range manifests(ctx, filepath.Join(answersDir, "requests.yaml")).Records() {
		Expect(err).NotTo(HaveOccurred())
		rec.User = rollout.As
		a := sender.Send(ctx, rec, true)
		Expect(a.Kind).To(Equal(traffic.Admitted), "%s %s: %s", rec.Kind.Kind, rec.Name, a.Message)
		answers = append(answers, undrawn(a.Object))
	}
	got, err := json.MarshalIndent(answers, "", " ")
	Expect(err).NotTo(HaveOccurred())
	return got
}

func manifests(ctx context.Context, file string) *capture.Capture {
	GinkgoHelper()
	return captured(func(w *capture.Writer, c capture.Cluster) error {
		_, err := source.Manifests(ctx, w, c, []string{file}, nil, true)
		return err
	})
}

var drawnTime = regexp.MustCompile(`("(?:creationTimestamp|last\w*TransitionTime)":")[^"]*"`)

var drawnUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

var drawnToken, drawnName = regexp.MustCompile(`kube-api-access-[a-z0-9]{5}`), regexp.MustCompile(`"drawn-[a-z0-9]{5}"`)

// undrawn is an object with what an API server draws at random as the replay draws it. A Job has
// its uid in its labels, too; ports on nodes are the same in every dry run.
func undrawn(object json.RawMessage) map[string]any {
	GinkgoHelper()
	object = drawnToken.ReplaceAll(object, []byte("kube-api-access-00000"))
	object = drawnName.ReplaceAll(object, []byte(`"drawn-xxxxx"`))
	object = drawnTime.ReplaceAll(object, []byte(`${1}1970-01-01T00:00:00Z"`))
	object = drawnUID.ReplaceAll(object, []byte("00000000-0000-0000-0000-000000000000"))
	var o map[string]any
	Expect(json.Unmarshal(object, &o)).To(Succeed())
	meta := o["metadata"].(map[string]any)
	delete(meta, "managedFields")
	spec, _ := o["spec"].(map[string]any)
	if ip, _ := spec["clusterIP"].(string); o["kind"] == "Service" && ip != "" && ip != "None" {
		spec["clusterIP"], spec["clusterIPs"] = "10.96.0.10", []any{"10.96.0.10"}
	}
	return o
}
