package outfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func write(t *testing.T, name string) {
	t.Helper()
	f, err := Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestLinksKeepPointingWhereTheyDid(t *testing.T) {
	for _, there := range []bool{true, false} {
		dir := t.TempDir()
		target, link, second := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "second")
		if there {
			if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Symlink("target", link), os.Symlink(link, second)); err != nil {
			t.Fatal(err)
		}
		write(t, second)
		if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
			t.Errorf("the link became %v, %v", info, err)
		}
		if got := read(t, target); got != "new" {
			t.Errorf("the target has %q", got)
		}
	}
}

func TestPipesAreWrittenTo(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		file, err := os.Open(pipe)
		if err != nil {
			got <- err.Error()
			return
		}
		defer file.Close()
		content, _ := io.ReadAll(file)
		got <- string(content)
	}()
	write(t, pipe)
	if content := <-got; content != "new" {
		t.Errorf("the reader got %q", content)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe became %v, %v", info, err)
	}
}

func TestAFullDeviceIsAnError(t *testing.T) {
	f, err := Create("/dev/full")
	if err != nil {
		t.Skip(err)
	}
	defer f.Abort()
	if _, err := f.Write([]byte("new")); !errors.Is(err, syscall.ENOSPC) || err.Error() != "write /dev/full: no space left on device" {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsLeftOfWhatIsAborted(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "name")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte("half"))
	f.Abort()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || read(t, name) != "old" {
		t.Errorf("left: %v, %v", files, err)
	}
}
