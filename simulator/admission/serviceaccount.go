package admission

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/apis/core"
)

const (
	tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"
	// tokenPrefix begins the names of volumes for tokens.
	tokenPrefix = "kube-api-access-"
	// tokenVolume has the length of the name that the API server draws.
	tokenVolume = tokenPrefix + "00000"
)

// serviceAccount gives a pod its account, the account's token, and the account's pull secrets.
func (p plugins) serviceAccount(pod *core.Pod) {
	spec := &pod.Spec
	if pod.Annotations[core.MirrorPodAnnotationKey] != "" {
		return
	}
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = "default"
	}
	account := named[corev1.ServiceAccount](p.world, "", "serviceaccounts", p.namespace, spec.ServiceAccountName)
	if account == nil {
		account = &corev1.ServiceAccount{}
	}
	if mounts(spec.AutomountServiceAccountToken, account.AutomountServiceAccountToken) {
		mountToken(spec)
	}
	if len(spec.ImagePullSecrets) > 0 {
		return
	}
	for _, secret := range account.ImagePullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, core.LocalObjectReference{Name: secret.Name})
	}
}

// mounts says whether the token is mounted: the pod decides before its account.
func mounts(pod, account *bool) bool {
	if pod != nil {
		return *pod
	}
	return account == nil || *account
}

// mountToken mounts the token where a container does not do so itself. A volume that is there,
// from an earlier round for instance, is mounted.
func mountToken(spec *core.PodSpec) {
	there, has := first(spec.Volumes, func(v core.Volume) bool { return strings.HasPrefix(v.Name, tokenPrefix) })
	name := tokenVolume
	if has {
		name = there.Name
	}
	mounted := false
	for _, containers := range [][]core.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if _, own := first(c.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == tokenPath }); own {
				continue
			}
			c.VolumeMounts = append(c.VolumeMounts, core.VolumeMount{Name: name, ReadOnly: true, MountPath: tokenPath})
			mounted = true
		}
	}
	if mounted && !has {
		spec.Volumes = append(spec.Volumes, core.Volume{Name: tokenVolume, VolumeSource: core.VolumeSource{Projected: tokenSource()}})
	}
}

func tokenSource() *core.ProjectedVolumeSource {
	mode := int32(0o644)
	return &core.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []core.VolumeProjection{
			{ServiceAccountToken: &core.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: 3607}},
			{ConfigMap: &core.ConfigMapProjection{
				LocalObjectReference: core.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []core.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &core.DownwardAPIProjection{Items: []core.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &core.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}
}
