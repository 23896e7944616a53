package binaries

import (
	"maps"
	"slices"
	"strings"
)

// kubernetes is the recipes of what belongs to a version of Kubernetes, by version. Each
// has a go.mod and a go.sum in modules/, whose versions are those of Kubernetes' own go.mod;
// CoreDNS is the one that its kubeadm asks for.
var kubernetes = map[string]map[Name]recipe{
	KubernetesVersion: release(KubernetesVersion, sources,
		coreDNS("v1.14.2", "h1:L6ECLwm4Fjg7NJamtGBFDBjk/uqvCJjfgAEhrxh5zJo=")),
	"v1.35.4": release("v1.35.4", sources+"-1.35",
		coreDNS("v1.13.1", "h1:yhYvf/QVwHNjBK65RkC8d9VW91dP9XKem3BOon4eokg=")),
}

// KubernetesVersions lists the versions of Kubernetes that can be built, sorted.
func KubernetesVersions() []string { return slices.Sorted(maps.Keys(kubernetes)) }

func release(version, files string, coreDNS recipe) map[Name]recipe {
	const set = " -X k8s.io/component-base/version."
	flags := strip + set + "gitVersion=" + version + set + "gitMajor=1" +
		set + "gitMinor=" + strings.Split(version, ".")[1] + set + "gitTreeState=clean"
	own := func(pkg, ldflags string) recipe {
		return recipe{module: "kubernetes", version: version, files: files, pkg: pkg, ldflags: ldflags}
	}
	return map[Name]recipe{
		APIServer:         own("./kube-apiserver", flags),
		ControllerManager: own("k8s.io/kubernetes/cmd/kube-controller-manager", flags),
		Scheduler:         own("k8s.io/kubernetes/cmd/kube-scheduler", flags),
		Kubeadm:           own("k8s.io/kubernetes/cmd/kubeadm", flags),
		Kubelet:           own("k8s.io/kubernetes/cmd/kubelet", flags),
		Kubectl:           own("k8s.io/kubernetes/cmd/kubectl", flags),
		KubeProxy:         own("k8s.io/kubernetes/cmd/kube-proxy", flags),
		Pause:             own("./pause", strip),
		CoreDNS:           coreDNS,
	}
}

func coreDNS(version, sum string) recipe {
	return recipe{module: "coredns", version: version, path: "github.com/coredns/coredns", sum: sum, pkg: ".", ldflags: strip}
}
