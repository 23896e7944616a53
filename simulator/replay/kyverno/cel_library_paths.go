package kyverno

import (
	"errors"
	"fmt"

	restclient "k8s.io/client-go/rest"
)

// namesPath returns what Kyverno's client says of a namespace and a name before it asks the API
// server: it makes a path of them.
func (l *library) namesPath(namespace string, name ...string) error {
	if l.req.env.mocks != nil {
		return nil
	}
	if len(name) > 0 && name[0] == "" {
		return errors.New("name is required")
	}
	if faults := restclient.IsValidPathSegmentName(namespace); len(faults) > 0 {
		return fmt.Errorf("invalid namespace %q: %v", namespace, faults)
	}
	for _, n := range name {
		if faults := restclient.IsValidPathSegmentName(n); len(faults) > 0 {
			return fmt.Errorf("invalid resource name %q: %v", n, faults)
		}
	}
	return nil
}
