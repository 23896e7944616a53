package admission

import (
	"fmt"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

// What single controllers add to what all of them make of a template, as a cluster's did
// when it was asked.
func TestPodsOfControllers(t *testing.T) {
	const template = `"template":{"metadata":{"finalizers":["x.y/z"]},"spec":{"volumes":[{"name":"data"},{"name":"tmp"}],"initContainers":[{"name":"i"}],"containers":[{"name":"a"}]}}`
	const set = `{"serviceName":"svc","ordinals":{"start":3},"volumeClaimTemplates":[{"metadata":{"name":"data"}}],` + template + `}`
	const indexed = `{"completionMode":"Indexed","backoffLimitPerIndex":1,` + template + `}`
	for _, c := range []struct{ kind, spec, path, want string }{
		{"apps/v1 Deployment", `{` + template + `}`, "metadata.finalizers", `["x.y/z"]`},
		{"apps/v1 StatefulSet", set, "metadata.name", `"w-3"`},
		{"apps/v1 StatefulSet", set, "metadata.labels", `{"apps.kubernetes.io/pod-index":"3","controller-revision-hash":"w-85cbc8575b","statefulset.kubernetes.io/pod-name":"w-3"}`},
		{"apps/v1 StatefulSet", set, "spec.hostname", `"w-3"`},
		{"apps/v1 StatefulSet", set, "spec.subdomain", `"svc"`},
		{"apps/v1 StatefulSet", set, "spec.volumes", `[{"name":"data","persistentVolumeClaim":{"claimName":"data-w-3"}},{"name":"tmp"}]`},
		{"apps/v1 DaemonSet", `{` + template + `}`, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0.matchFields.0.key", `"metadata.name"`},
		{"apps/v1 DaemonSet", `{` + template + `}`, "spec.tolerations.0.key", `"node.kubernetes.io/not-ready"`},
		{"batch/v1 Job", `{` + template + `}`, "metadata.finalizers", `["x.y/z","batch.kubernetes.io/job-tracking"]`},
		{"batch/v1 Job", `{` + template + `}`, "metadata.annotations", `null`},
		{"batch/v1 Job", `{"manualSelector":true,` + template + `}`, "metadata.labels", `null`},
		{"batch/v1 Job", indexed, "metadata.generateName", `"w-0-"`},
		{"batch/v1 Job", indexed, "metadata.annotations", `{"batch.kubernetes.io/job-completion-index":"0","batch.kubernetes.io/job-index-failure-count":"0"}`},
		{"batch/v1 Job", indexed, "spec.hostname", `"w-0"`},
		{"batch/v1 Job", indexed, "spec.initContainers.0.env.0", `{"name":"JOB_COMPLETION_INDEX","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['batch.kubernetes.io/job-completion-index']"}}}`},
		{"batch/v1 CronJob", `{"jobTemplate":{"spec":` + indexed + `}}`, "spec.hostname", `"w-29000000-0"`},
	} {
		var apiVersion, kind string
		if _, err := fmt.Sscan(c.kind, &apiVersion, &kind); err != nil {
			t.Fatal(err)
		}
		all, err := Products(&capture.Record{Operation: capture.Create, Kind: capture.ParseGVK(apiVersion, kind), Namespace: "shop", Name: "w",
			Object: []byte(fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"w"},"spec":%s}`, apiVersion, kind, c.spec))})
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %v, %v", c.kind, all, err)
		}
		made := all[len(all)-1]
		if got := valueAt(t, made.Object, c.path); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.kind, c.path, got, c.want)
		}
	}
}
