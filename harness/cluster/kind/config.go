package kind

import (
	"context"
	"fmt"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/kind/nodeimage"
)

// image is the node image of a spec; empty: the one that kind was released with.
func image(ctx context.Context, spec cluster.Spec) string {
	if spec.Kind.NodeImage != "" {
		return spec.Kind.NodeImage
	}
	v := spec.KubernetesVersion
	if built := nodeimage.Name(v); labelOf(ctx, built, nodeimage.Label) != "" {
		return built
	}
	if v != "" {
		return "kindest/node:" + v
	}
	return ""
}

// config is a spec as kind wants it. On a machine with cgroup v1 kubelets are told to accept
// that; without CAP_SYS_RESOURCE containerd does not lower the score by which a process is
// chosen when memory is short, which it could not.
func config(spec cluster.Spec, image string, built bool, info engineInfo) *v1alpha4.Cluster {
	c := &v1alpha4.Cluster{
		TypeMeta:             v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		FeatureGates:         spec.Kind.FeatureGates,
		KubeadmConfigPatches: spec.Kind.KubeadmPatches,
		Nodes:                []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, Image: image}},
	}
	for range spec.Kind.Workers {
		c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, Image: image})
	}
	c.Networking.DisableDefaultCNI = built
	c.ContainerdConfigPatches = []string{registries}
	c.KubeadmConfigPatches = append(patient(), c.KubeadmConfigPatches...)
	c.KubeadmConfigPatches = append([]string{manyPods}, c.KubeadmConfigPatches...)
	if info.CgroupVersion == "1" {
		c.KubeadmConfigPatches = append([]string{"kind: KubeletConfiguration\nfailCgroupV1: false\n"}, c.KubeadmConfigPatches...)
	}
	if lacksSysResource() {
		c.ContainerdConfigPatches = append(c.ContainerdConfigPatches, "[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n")
	}
	return c
}

// registries lets containerd look up where to pull from, image by image: see PlayWorkloads.
const registries = "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n"

// manyPods are as many as a node's range of addresses has room for, instead of 110, and they start side by side.
const manyPods = "kind: KubeletConfiguration\nmaxPods: 250\nserializeImagePulls: false\nregistryPullQPS: 0\n"

// patient gives a control plane on a busy machine more time than kubeadm's minute or four. Older
// versions of its configuration do not know the field and are not patched.
func patient() (patches []string) {
	for _, k := range []string{"InitConfiguration", "JoinConfiguration"} {
		patches = append(patches, "kind: "+k+"\napiVersion: kubeadm.k8s.io/v1beta4\n"+
			"timeouts: {kubernetesAPICall: 5m0s, controlPlaneComponentHealthCheck: 10m0s, kubeletHealthCheck: 10m0s, tlsBootstrap: 10m0s, discovery: 10m0s}\n")
	}
	return patches
}

// sameVersion is an error when a cluster is not of the version that was asked for.
func sameVersion(spec cluster.Spec, got string) error {
	if want := spec.KubernetesVersion; want != "" && want != got {
		return fmt.Errorf("its node image is of Kubernetes %s, not %s as asked for", got, want)
	}
	return nil
}
