package e2e

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// standInImage is the image that testdata/agents names.
const standInImage = "images.example/stand-in:v1"

// agentsImage makes an image of the test's own program under the agents' names, and returns an
// archive of it. The engine does not keep it: nodes have it from the archive.
func agentsImage(ctx context.Context, dir string) (archive string, err error) {
	read, write := io.Pipe()
	go func() { write.CloseWithError(rootFS(ctx, write)) }()
	load := exec.CommandContext(ctx, "docker", "import", "-", standInImage)
	load.Stdin = read
	if out, err := load.CombinedOutput(); err != nil {
		return "", fmt.Errorf("docker import: %w: %s", err, out)
	}
	archive = filepath.Join(dir, "agents.tar")
	out, err := exec.CommandContext(ctx, "docker", "save", "--output", archive, standInImage).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker save: %w: %s", err, out)
	}
	return archive, errors.Join(err, exec.CommandContext(context.WithoutCancel(ctx), "docker", "rmi", standInImage).Run())
}

// rootFS writes a file system with the program and what it is linked with.
func rootFS(ctx context.Context, w io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	files := map[string]string{"stand-in": self}
	linked, _ := exec.CommandContext(ctx, "ldd", self).Output() // fails for a program that is linked with nothing
	for _, field := range strings.Fields(string(linked)) {
		if strings.HasPrefix(field, "/") {
			files[strings.TrimPrefix(field, "/")] = field
		}
	}
	for name, path := range files {
		if err := addFile(t, name, path); err != nil {
			return err
		}
	}
	for _, name := range []string{"hubagent", "memberagent", "refreshtoken"} {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "/stand-in", Mode: 0o777}); err != nil {
			return err
		}
	}
	return t.Close()
}

func addFile(t *tar.Writer, name, path string) error {
	f, err := os.Open(path) // what a link means, not the link
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// refreshToken writes the hub's token from a Secret to where the member agent reads it.
func refreshToken() {
	flags := flag.NewFlagSet("secret", flag.ExitOnError)
	name, namespace := flags.String("name", "", ""), flags.String("namespace", "", "")
	_ = flags.Parse(os.Args[2:])
	client := kubernetes.NewForConfigOrDie(must(rest.InClusterConfig()))
	for ; ; time.Sleep(time.Second) {
		secret, err := client.CoreV1().Secrets(*namespace).Get(context.Background(), *name, metav1.GetOptions{})
		if err == nil {
			err = os.WriteFile("/config/token", secret.Data["token"], 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// hubCA is the hub's certificate, as a file beside a member or in the environment of a pod.
func hubCA() rest.TLSClientConfig {
	if text := os.Getenv("HUB_CERTIFICATE_AUTHORITY"); text != "" {
		return rest.TLSClientConfig{CAData: must(base64.StdEncoding.DecodeString(text))}
	}
	return rest.TLSClientConfig{CAFile: os.Getenv("CA_BUNDLE")}
}
