package nodeimage

import (
	"errors"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/harness/binaries"
	"github.com/seatrial/seatrial/harness/cluster"
)

func TestImagesOfVersions(t *testing.T) {
	if got := Name(""); got != "seatrial/node:"+binaries.KubernetesVersion {
		t.Errorf("unless told: %s", got)
	}
	seen := map[string]string{}
	for _, v := range append(binaries.KubernetesVersions(), "") {
		b := &build{Options: Options{Store: (&binaries.Store{}).For(v)}}
		digest, err := b.digest()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[digest]; ok && Name(other) != Name(v) {
			t.Errorf("images of %s and %s would be taken for each other", other, v)
		}
		seen[digest] = v
	}
	if len(seen) != len(binaries.KubernetesVersions()) {
		t.Errorf("the default version has two images: %v", seen)
	}
	b := &build{Options: Options{Store: (&binaries.Store{}).For("v1.30.0")}}
	if _, err := b.digest(); err == nil {
		t.Error("a version that is not pinned has an image")
	}
}

func TestVersionThatIsNotPinned(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no engine: what cannot be is said before one is asked
	_, err := Build(t.Context(), Options{Kubernetes: "v1.30.0", Store: &binaries.Store{}})
	if !errors.Is(err, cluster.ErrUnsupported) || !strings.Contains(err.Error(), "hint: only v1.35.4 and v1.36.3 have") {
		t.Errorf("got %v", err)
	}
	_, err = Build(t.Context(), Options{Kubernetes: "v1.35.4", Store: &binaries.Store{}})
	if err == nil || !strings.Contains(err.Error(), "no Docker engine") {
		t.Errorf("got %v", err)
	}
}
