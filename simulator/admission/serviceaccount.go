package admission

import (
	corev1 "k8s.io/api/core/v1"
)

const (
	tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"
	// tokenVolume has the length of the name that the API server draws.
	tokenVolume = "kube-api-access-00000"
)

// serviceAccount gives a pod its account, the account's token, and the account's pull secrets.
func (p plugins) serviceAccount(pod *corev1.Pod) {
	spec := &pod.Spec
	if pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return
	}
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = spec.DeprecatedServiceAccount
	}
	if spec.ServiceAccountName == "" {
		spec.ServiceAccountName = "default"
	}
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
	account := named[corev1.ServiceAccount](p.world, "", "serviceaccounts", p.namespace, spec.ServiceAccountName)
	if account == nil {
		account = &corev1.ServiceAccount{}
	}
	if mounts(spec.AutomountServiceAccountToken, account.AutomountServiceAccountToken) {
		mountToken(spec)
	}
	if len(spec.ImagePullSecrets) == 0 {
		spec.ImagePullSecrets = account.ImagePullSecrets
	}
}

// mounts says whether the token is mounted: the pod decides before its account.
func mounts(pod, account *bool) bool {
	if pod != nil {
		return *pod
	}
	return account == nil || *account
}

func mountToken(spec *corev1.PodSpec) {
	mounted := false
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if _, own := first(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == tokenPath }); own {
				continue
			}
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: tokenVolume, ReadOnly: true, MountPath: tokenPath})
			mounted = true
		}
	}
	if mounted {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: tokenVolume, VolumeSource: corev1.VolumeSource{Projected: tokenSource()}})
	}
}

func tokenSource() *corev1.ProjectedVolumeSource {
	seconds, mode := int64(3607), int32(0o644)
	return &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &seconds}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}
}
