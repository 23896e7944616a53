package player

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// A pod is what of a v1 Pod says how its containers are to be played.
type pod struct {
	Metadata struct {
		OwnerReferences []struct {
			Kind string `json:"kind"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		InitContainers      []container `json:"initContainers"`
		Containers          []container `json:"containers"`
		EphemeralContainers []container `json:"ephemeralContainers"`
	} `json:"spec"`
}

type container struct {
	Name          string `json:"name"`
	RestartPolicy string `json:"restartPolicy"`
	Ports         []struct {
		Name          string `json:"name"`
		ContainerPort int    `json:"containerPort"`
		Protocol      string `json:"protocol"`
	} `json:"ports"`
	StartupProbe   probe `json:"startupProbe"`
	ReadinessProbe probe `json:"readinessProbe"`
	LivenessProbe  probe `json:"livenessProbe"`
	Lifecycle      struct {
		PostStart probe `json:"postStart"`
		PreStop   probe `json:"preStop"`
	} `json:"lifecycle"`
}

type probe struct {
	HTTPGet   *target `json:"httpGet"`
	TCPSocket *target `json:"tcpSocket"`
	GRPC      *target `json:"grpc"`
}

// A target has the port that a probe asks: a number or a name.
type target struct {
	Port any `json:"port"`
}

// part is how a container is played: it ends at once, or answers on its ports until it is stopped.
func (p pod) part(name string) ([]string, error) {
	owned := func(kind string) bool {
		for _, o := range p.Metadata.OwnerReferences {
			if o.Kind == kind {
				return true
			}
		}
		return false
	}
	for _, c := range p.Spec.InitContainers {
		switch {
		case c.Name != name:
		case c.RestartPolicy == "Always": // a sidecar
			return append([]string{"play"}, c.ports()...), nil
		default:
			return []string{"end"}, nil
		}
	}
	for _, c := range slices.Concat(p.Spec.Containers, p.Spec.EphemeralContainers) {
		switch {
		case c.Name != name:
		case owned("Job"):
			return []string{"end"}, nil
		default:
			return append([]string{"play"}, c.ports()...), nil
		}
	}
	return []string{"play"}, fmt.Errorf("the pod has no container %s", name)
}

// ports are those that a container declares or is probed at, in order.
func (c container) ports() []string {
	var out []int
	named := map[string]int{}
	for _, p := range c.Ports {
		if named[p.Name] = p.ContainerPort; p.Protocol == "" || p.Protocol == "TCP" {
			out = append(out, p.ContainerPort)
		}
	}
	for _, p := range []probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe, c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
		for _, t := range []*target{p.HTTPGet, p.TCPSocket, p.GRPC} {
			if t == nil {
				continue
			}
			switch port := t.Port.(type) {
			case float64:
				out = append(out, int(port))
			case string:
				if n, err := strconv.Atoi(port); err == nil {
					out = append(out, n)
				}
				out = append(out, named[port])
			}
		}
	}
	slices.Sort(out)
	var text []string
	for _, n := range slices.Compact(out) {
		if n > 0 {
			text = append(text, strconv.Itoa(n))
		}
	}
	return text
}

// ask reads the pod from the API server, as its kubelet may, and says how a container is played.
// Without an answer it is played without ports.
func (c Config) ask(namespace, name, container string) ([]string, error) {
	p, err := c.read(namespace, name)
	if err != nil {
		return []string{"play"}, fmt.Errorf("pod %s/%s: %w", namespace, name, err)
	}
	part, err := p.part(container)
	if err != nil {
		err = fmt.Errorf("pod %s/%s: %w", namespace, name, err)
	}
	return part, err
}

func (c Config) read(namespace, name string) (p pod, err error) {
	ca, err := os.ReadFile(c.CA)
	if err != nil {
		return p, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(c.Credential, c.Credential)
	if err != nil {
		return p, err
	}
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
	}}
	for try := range 4 {
		if try > 0 {
			time.Sleep(500 * time.Millisecond)
		}
		if p, err = get(client, c.Server+"/api/v1/namespaces/"+namespace+"/pods/"+name); err == nil {
			return p, nil
		}
	}
	return p, err
}

func get(client *http.Client, url string) (p pod, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return p, fmt.Errorf("%s", resp.Status)
	}
	return p, json.NewDecoder(resp.Body).Decode(&p)
}
