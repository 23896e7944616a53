package binaries

// The programs of a kind node, besides those that embedded clusters run too.
// Versions are those that the base image of kind v0.33.0 has; CoreDNS is the one that the
// node's kubeadm asks for.
const (
	Kubeadm     Name = "kubeadm"
	Kubelet     Name = "kubelet"
	Kubectl     Name = "kubectl"
	KubeProxy   Name = "kube-proxy"
	Containerd  Name = "containerd"
	Ctr         Name = "ctr"
	Shim        Name = "containerd-shim-runc-v2"
	Runc        Name = "runc"
	Crictl      Name = "crictl"
	Ptp         Name = "ptp" // CNI plugins: these four
	Loopback    Name = "loopback"
	Portmap     Name = "portmap"
	HostLocal   Name = "host-local"
	CoreDNS     Name = "coredns"
	LocalPath   Name = "local-path-provisioner" // makes the volumes of claims
	Pause       Name = "pause"                  // a pod's sandbox
	KyvernoInit Name = "kyverno-init"           // runs once before Kyverno's admission controller in a pod
	Player      Name = "player"                 // plays workloads whose images are not to be had
)

// The versions of those programs.
const (
	ContainerdVersion = "v2.3.4"
	RuncVersion       = "v1.4.3"
	CrictlVersion     = "v1.36.0"
	CNIVersion        = "v1.9.1"
	LocalPathVersion  = "v0.0.30"
)

// nodeRecipes are what nodes run besides, but for what belongs to a version of Kubernetes.
var nodeRecipes = map[Name]recipe{
	Containerd:  containerd("./cmd/containerd"),
	Ctr:         containerd("./cmd/ctr"),
	Shim:        containerd("./cmd/containerd-shim-runc-v2"),
	Ptp:         cni("./plugins/main/ptp"),
	Loopback:    cni("./plugins/main/loopback"),
	Portmap:     cni("./plugins/meta/portmap"),
	HostLocal:   cni("./plugins/ipam/host-local"),
	KyvernoInit: kyverno("./cmd/kyverno-init"),
	Player:      {module: "player", version: "v1", own: true, pkg: ".", ldflags: strip},
	Runc: {module: "runc", version: RuncVersion, path: "github.com/opencontainers/runc", pkg: ".", tags: "seccomp", ldflags: strip,
		sum: "h1:/bq84roxG30xEICkFodXzMEVQFs7kzo4lCiZME1uKxI="},
	Crictl: {module: "cri-tools", version: CrictlVersion, path: "sigs.k8s.io/cri-tools", pkg: "./cmd/crictl", ldflags: strip,
		sum: "h1:Xt+LLvBVH1Fnp/AR2EyHApyWS/88y2KlWjlDc2HR+aw="},
	LocalPath: {module: "local-path-provisioner", version: LocalPathVersion, path: "github.com/rancher/local-path-provisioner", pkg: ".", ldflags: strip,
		sum: "h1:OkiuofkCSscddl7tma/B9Ox1wu+JEVSrP7IcZI65Ggo="},
}

func containerd(pkg string) recipe {
	return recipe{module: "containerd", version: ContainerdVersion, path: "github.com/containerd/containerd/v2", pkg: pkg,
		tags:    "no_aufs,no_btrfs,no_devmapper,no_zfs", // snapshotters that kind never chooses
		ldflags: strip + " -X github.com/containerd/containerd/v2/version.Version=" + ContainerdVersion,
		sum:     "h1:c2PJo/9UGVdiiw8SwrxuLxWGY+9b3jQ6Xp9zntneIvI="}
}

func cni(pkg string) recipe {
	return recipe{module: "cni-plugins", version: CNIVersion, path: "github.com/containernetworking/plugins", pkg: pkg, ldflags: strip,
		sum: "h1:8oU6WsIsU3bpnNZuvHp74a6cE1MJwbj2P7s4/yTUNlA="}
}
