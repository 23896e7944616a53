package kind

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/seatrial/seatrial/harness/cluster"
)

func TestImage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the engine's command is a shell script")
	}
	bin := t.TempDir()
	docker := "#!/bin/sh\nfor image; do :; done\ncase \" $HAVE \" in *\" $image \"*) echo made ;; *) exit 1 ;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(docker), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	const both = "seatrial/node:v1.35.4 seatrial/node:v1.36.3"
	for _, test := range []struct {
		reason, have string
		spec         cluster.Spec
		want         string
	}{
		{"the default version's", both, cluster.Spec{}, "seatrial/node:v1.36.3"},
		{"also when it is named", both, cluster.Spec{KubernetesVersion: "v1.36.3"}, "seatrial/node:v1.36.3"},
		{"another version's", both, cluster.Spec{KubernetesVersion: "v1.35.4"}, "seatrial/node:v1.35.4"},
		{"one that was not built is pulled", "seatrial/node:v1.36.3", cluster.Spec{KubernetesVersion: "v1.35.4"}, "kindest/node:v1.35.4"},
		{"kind's own, rather than one of another version", "seatrial/node:v1.35.4", cluster.Spec{}, ""},
		{"the user's own first", both, cluster.Spec{KubernetesVersion: "v1.35.4", Kind: cluster.KindSpec{NodeImage: "example.com/node:1"}}, "example.com/node:1"},
	} {
		t.Setenv("HAVE", test.have)
		if got := image(t.Context(), test.spec); got != test.want {
			t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
		}
	}
}
