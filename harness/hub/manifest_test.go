package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The stand-ins' manifests, which the live specs install.
const (
	hubManifest    = "../e2e/testdata/agents/hub-agent.yaml"
	memberManifest = "../e2e/testdata/agents/member-agent.yaml"
)

// definitions is a folder with the names of the files that are looked for.
func definitions(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cluster.kubernetes-fleet.io_memberclusters.yaml", memberPatterns} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// edited is a file with a part of it replaced.
func edited(t *testing.T, path, old, new string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	out := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(out, []byte(strings.ReplaceAll(string(content), old, new)), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAgentsInPodsAreChecked(t *testing.T) {
	crds := definitions(t)
	for _, c := range []struct {
		reason string
		agents Agents
		want   string
	}{
		{"all is given", Agents{HubManifest: hubManifest, MemberManifest: memberManifest, CRDs: crds}, ""},
		{"a manifest is missing", Agents{HubManifest: hubManifest, CRDs: crds}, "not given: memberManifest"},
		{"a file is missing", Agents{HubManifest: "/nowhere.yaml", MemberManifest: memberManifest, CRDs: crds}, "hubManifest: open /nowhere.yaml"},
		{"a chart's folder", Agents{HubManifest: filepath.Dir(hubManifest), MemberManifest: memberManifest, CRDs: crds}, "rendered with helm template"},
		{"a template", Agents{HubManifest: edited(t, hubManifest, "name: hub-agent", "name: {{ .Values.name }}"), MemberManifest: memberManifest, CRDs: crds}, "rendered with helm template"},
		{"no Deployment", Agents{HubManifest: edited(t, hubManifest, "kind: Deployment", "kind: DaemonSet"), MemberManifest: memberManifest, CRDs: crds}, "hub-agent.yaml has no Deployment"},
		{"two Deployments", Agents{HubManifest: edited(t, hubManifest, "kind: ServiceAccount\n", "kind: Deployment\n"), MemberManifest: memberManifest, CRDs: crds}, "two Deployments"},
		{"no containers", Agents{HubManifest: edited(t, hubManifest, "containers:", "boxes:"), MemberManifest: memberManifest, CRDs: crds}, "has no containers"},
		{"the other's manifest", Agents{HubManifest: memberManifest, MemberManifest: memberManifest, CRDs: crds}, "is the member agent's"},
		{"the other's manifest", Agents{HubManifest: hubManifest, MemberManifest: hubManifest, CRDs: crds}, "is not the member agent's"},
		{"a token from elsewhere", Agents{HubManifest: hubManifest, MemberManifest: edited(t, memberManifest, "args: [secret,", "args: [azure,"), CRDs: crds}, "config.provider=secret"},
		{"no definitions", Agents{HubManifest: hubManifest, MemberManifest: memberManifest}, "does not define memberclusters.cluster.kubernetes-fleet.io (hint: name KubeFleet's config/crd/bases as crds)"},
		{"another folder", Agents{HubManifest: hubManifest, MemberManifest: memberManifest, CRDs: "/nowhere"}, "has no cluster.kubernetes-fleet.io_memberclusters.yaml"},
		{"an archive is missing", Agents{HubManifest: hubManifest, MemberManifest: memberManifest, CRDs: crds, Images: []string{"/nowhere.tar"}}, "images: stat /nowhere.tar"},
		{"a folder as archive", Agents{HubManifest: hubManifest, MemberManifest: memberManifest, CRDs: crds, Images: []string{crds}}, "hint: docker save"},
		{"of both sorts", Agents{HubAgent: "/bin/true", HubManifest: hubManifest, MemberManifest: memberManifest, CRDs: crds}, "give one of the two"},
	} {
		err := c.agents.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

func TestAgentsInPodsTakeKindClusters(t *testing.T) {
	inPods := Agents{HubManifest: hubManifest}
	if err := inPods.On("east", "kind"); err != nil {
		t.Error(err)
	}
	if err := inPods.On("east", "embedded"); err == nil || !strings.Contains(err.Error(), "cluster east is embedded (hint: --provider kind") {
		t.Errorf("got %v", err)
	}
	if err := (Agents{HubAgent: "hubagent"}).On("east", "embedded"); err != nil {
		t.Error(err)
	}
}

func TestMemberAgentIsTold(t *testing.T) {
	read, err := readManifest("memberManifest", edited(t, memberManifest, "imagePullPolicy: Always\n          command: [/refresh", "imagePullPolicy: Never\n          command: [/refresh"))
	if err != nil {
		t.Fatal(err)
	}
	namespace, name, err := read.tokenSecret()
	if err != nil || namespace+"/"+name != "default/hub-token" {
		t.Errorf("the token is in %s/%s, %v", namespace, name, err)
	}
	m := read.copied(func(*unstructured.Unstructured) bool { return true })
	m.tell("west", "https://172.18.0.2:6443", []byte("pem"))
	agent := m.agent()
	env := map[string]string{}
	for _, x := range agent["env"].([]any) {
		e := x.(map[string]any)
		env[e["name"].(string)] = e["value"].(string)
	}
	want := map[string]string{memberEnv: "west", hubURLEnv: "https://172.18.0.2:6443", hubCAEnv: "cGVt", "CONFIG_PATH": "/config/token"}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Error(diff)
	}
	var policies []any
	for _, c := range containers(m.deployment) {
		policies = append(policies, c["imagePullPolicy"])
		if diff := cmp.Diff(map[string]any{"cpu": "0", "memory": "0"}, c["resources"].(map[string]any)["requests"]); diff != "" {
			t.Errorf("what it asks for: %s", diff)
		}
	}
	if diff := cmp.Diff([]any{"IfNotPresent", "Never"}, policies); diff != "" {
		t.Error(diff)
	}
	for _, o := range m.objects {
		if o.GetKind() == "ClusterRoleBinding" && o.GetNamespace() != systemNamespace {
			t.Errorf("%s is in %q: an object without a namespace is in KubeFleet's", o.GetKind(), o.GetNamespace())
		}
	}
	if containers(read.deployment)[0]["imagePullPolicy"] != "Always" || read.objects[1].GetNamespace() != "" {
		t.Error("the manifest as read has changed: the next member gets it")
	}
}

func TestHubAgentDoesNotWait(t *testing.T) {
	read, err := readManifest("hubManifest", edited(t, hubManifest, `args: [`, `args: ["--resource-changes-collection-duration=15s", "--v=5", `))
	if err != nil {
		t.Fatal(err)
	}
	m := read.copied(func(*unstructured.Unstructured) bool { return false })
	m.atOnce()
	want := []string{"--resource-changes-collection-duration=0s", "--v=5", "--health-probe-bind-address=:8081"}
	if diff := cmp.Diff(want, args(containers(m.deployment)[0])); diff != "" {
		t.Error(diff)
	}
}

func TestTroubleOfPods(t *testing.T) {
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}}
	}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2}}
	for _, c := range []struct {
		reason string
		status corev1.ContainerStatus
		want   string
		final  bool
	}{
		{"it starts", corev1.ContainerStatus{State: waiting("ContainerCreating")}, "", false},
		{"the first attempt to pull", corev1.ContainerStatus{State: waiting("ErrImagePull")}, "ErrImagePull: because", false},
		{"no more is tried", corev1.ContainerStatus{Image: "a:v1", State: waiting("ImagePullBackOff")}, "image a:v1 is in no archive, and cannot be pulled: because (hint: name an archive of docker save in hub.agents.images)", true},
		{"it ended once", corev1.ContainerStatus{State: waiting("CrashLoopBackOff"), RestartCount: 1, LastTerminationState: ended}, "CrashLoopBackOff", false},
		{"it keeps ending", corev1.ContainerStatus{Name: "agent", State: waiting("CrashLoopBackOff"), RestartCount: restarts, LastTerminationState: ended}, "container agent ended 4 times, the last time with code 2", true},
	} {
		err := trouble(&corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{c.status}}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
		if _, is := err.(final); is != c.final {
			t.Errorf("%s: final is %v", c.reason, is)
		}
	}
}

func TestLogsAreShownFromBothEnds(t *testing.T) {
	long := "unknown flag\n" + strings.Repeat("usage\n", 1000) + "the end"
	if got := shown(long, true); !strings.HasPrefix(got, "unknown flag") || !strings.HasSuffix(got, "the end") || len(got) > 1600 {
		t.Errorf("got %d bytes: %s", len(got), got)
	}
	if got := shown(long, false); strings.Contains(got, "unknown") || !strings.HasSuffix(got, "the end") {
		t.Errorf("got %s", got)
	}
	if got := shown("short", true); got != "short" {
		t.Errorf("got %s", got)
	}
}

func TestNoAgentsAtAll(t *testing.T) {
	if err := (Agents{}).Check(); !errors.Is(err, ErrNoAgents) || !strings.Contains(err.Error(), "hubManifest") {
		t.Errorf("got %v", err)
	}
}
