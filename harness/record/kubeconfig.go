package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubeconfigs of users who log in with OpenID Connect
	"k8s.io/client-go/tools/clientcmd"
)

// ErrContext says that a kubeconfig does not hold what was asked for.
var ErrContext = errors.New("no usable context")

// Contexts turns contexts of kubeconfig files into targets, named after the contexts. No
// names means the current context. Files that do not exist are passed over, unless there
// is only one.
func Contexts(files, names []string) ([]Target, error) {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: files}
	if len(files) == 1 {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: files[0]}
	}
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContext, err)
	}
	if len(names) == 0 && config.CurrentContext != "" {
		names = []string{config.CurrentContext}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: the kubeconfig has no current context; it knows %s", ErrContext, list(slices.Sorted(maps.Keys(config.Contexts))))
	}
	var targets []Target
	for _, name := range names {
		if config.Contexts[name] == nil {
			return nil, fmt.Errorf("%w: there is no context %q; the kubeconfig knows %s", ErrContext, name, list(slices.Sorted(maps.Keys(config.Contexts))))
		}
		rest, err := clientcmd.NewNonInteractiveClientConfig(*config, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("%w: context %q: %w", ErrContext, name, err)
		}
		targets = append(targets, Target{Name: name, REST: rest})
	}
	return targets, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
