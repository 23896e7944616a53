package source

import (
	"fmt"
	"os"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
)

// values are those that were asked for: files, the later over the earlier, then what was set.
func (o *HelmOptions) values() (map[string]any, error) {
	values := map[string]any{}
	for _, name := range o.ValueFiles {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read values: %w", err)
		}
		more, err := chartutil.ReadValues(content)
		if err != nil {
			return nil, fmt.Errorf("read values of %s: %w", name, err)
		}
		overlay(values, more)
	}
	for _, set := range o.Set {
		if err := strvals.ParseInto(set, values); err != nil {
			return nil, fmt.Errorf("--set: %w", err)
		}
	}
	for _, set := range o.SetString {
		if err := strvals.ParseIntoString(set, values); err != nil {
			return nil, fmt.Errorf("--set-string: %w", err)
		}
	}
	return values, nil
}

// overlay lays values over others: maps are merged, all else takes the place of what was there.
func overlay(under, over map[string]any) {
	for key, value := range over {
		below, isMap := under[key].(map[string]any)
		above, both := value.(map[string]any)
		if isMap && both {
			overlay(below, above)
			continue
		}
		under[key] = value
	}
}

func (o *HelmOptions) namespace() string {
	if o.Namespace == "" {
		return "default"
	}
	return o.Namespace
}

// capabilities are what charts may ask of a cluster.
func (o *HelmOptions) capabilities() (*chartutil.Capabilities, error) {
	asked := o.KubeVersion
	if asked == "" {
		asked = KubernetesVersion
	}
	version, err := chartutil.ParseKubeVersion(asked)
	if err != nil {
		return nil, fmt.Errorf("--kube-version %s: %w", asked, err)
	}
	out := chartutil.DefaultCapabilities.Copy()
	out.KubeVersion = *version
	out.APIVersions = append(out.APIVersions[:len(out.APIVersions):len(out.APIVersions)], o.APIVersions...)
	return out, nil
}
