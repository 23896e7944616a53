package binaries

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGetBuildsOnceAndTellsHowFarItIs(t *testing.T) {
	g := withTiny(t, "ok")
	var events []Event
	s := &Store{Dir: t.TempDir(), Progress: func(e Event) { events = append(events, e) }}
	if diff := cmp.Diff([]Name{tiny}, s.Missing(tiny)); diff != "" {
		t.Errorf("before the build: %s", diff)
	}
	first, err := s.Get(t.Context(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Get(t.Context(), tiny)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if g.builds() != 1 {
		t.Errorf("built %d times, want once", g.builds())
	}
	if missing := s.Missing(tiny); len(missing) > 0 {
		t.Errorf("missing after the build: %v", missing)
	}
	step := func(done, total int) Event { return Event{Name: tiny, Version: "v1.0.0", Done: done, Total: total} }
	want := []Event{step(0, 0), step(0, 3), step(1, 3), step(2, 3), step(3, 3),
		{Name: tiny, Version: "v1.0.0", Path: first[tiny], Built: true}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(first[tiny]); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program: %v %v", info, err)
	}
}

func TestConcurrentGetsBuildOnce(t *testing.T) {
	g := withTiny(t, "slow")
	dir := t.TempDir()
	paths := make([]string, 8)
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() {
			got, err := (&Store{Dir: dir}).Get(t.Context(), tiny) // as another process has it
			if err != nil {
				t.Error(err)
			}
			paths[i] = got[tiny]
		})
	}
	wg.Wait()
	if g.builds() != 1 {
		t.Errorf("built %d times, want once", g.builds())
	}
	for _, p := range paths {
		if p == "" || p != paths[0] {
			t.Errorf("paths differ: %v", paths)
		}
	}
}

func TestDamage(t *testing.T) {
	for _, test := range []struct {
		reason string
		damage func(path string) error
		builds int // in all
	}{
		{"nothing happened", func(string) error { return nil }, 1},
		{"touched, with the same content", func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) }, 1},
		{"cut short", func(p string) error { return os.Truncate(p, 3) }, 2},
		{"another content of the same size", flip, 2},
		{"removed", os.Remove, 2},
		{"its note removed", func(p string) error { return os.Remove(p + ".json") }, 2},
		{"its note cut short", func(p string) error { return os.Truncate(p+".json", 5) }, 2},
	} {
		t.Run(test.reason, func(t *testing.T) {
			g := withTiny(t, "ok")
			s := &Store{Dir: t.TempDir()}
			got, err := s.Get(t.Context(), tiny)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.damage(got[tiny]); err != nil {
				t.Fatal(err)
			}
			if missing := len(s.Missing(tiny)); missing != test.builds-1 {
				t.Errorf("%d missing", missing)
			}
			if got, err = s.Get(t.Context(), tiny); err != nil {
				t.Fatal(err)
			}
			if g.builds() != test.builds {
				t.Errorf("built %d times, want %d", g.builds(), test.builds)
			}
			if data, err := os.ReadFile(got[tiny]); err != nil || !strings.HasPrefix(string(data), "program made by ") {
				t.Errorf("the program is %q, %v", data, err)
			}
		})
	}
}

// flip changes a file's first byte and its time.
func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[0] ^= 1
	if err := os.WriteFile(path, data, 0o755); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, time.Unix(1, 0))
}

func TestOffline(t *testing.T) {
	g := withTiny(t, "ok")
	s := &Store{Dir: t.TempDir(), Offline: true}
	_, err := s.Get(t.Context(), tiny)
	if !errors.Is(err, ErrMissing) || !strings.HasPrefix(err.Error(), "tiny: ") {
		t.Errorf("got %v, want ErrMissing of tiny", err)
	}
	if g.builds() != 0 || len(files(t, s.Dir)) > 0 {
		t.Errorf("something was done: %d builds, %v", g.builds(), files(t, s.Dir))
	}
	if _, err := s.Get(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("got %v", err)
	}
}

func TestFilesAreJoined(t *testing.T) {
	g := withTiny(t, "ok")
	got, err := (&Store{Dir: t.TempDir()}).Get(t.Context(), tinyFile)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(got[tinyFile])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a: 1\n---\nb: 2\n", string(data)); diff != "" {
		t.Error(diff)
	}
	if g.builds() != 0 {
		t.Error("a file needs no build")
	}
}

func TestInterruptedBuildLeavesNothing(t *testing.T) {
	g := withTiny(t, "hang")
	s := &Store{Dir: t.TempDir()}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted by the test")
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(g.dir, "started")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		cancel(reason)
	}()
	if _, err := s.Get(ctx, tiny); !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
	if left := files(t, s.Dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	g.mode("ok")
	if _, err := s.Get(t.Context(), tiny); err != nil {
		t.Errorf("the next build: %v", err)
	}
}

func TestFailedBuild(t *testing.T) {
	g := withTiny(t, "broken")
	s := &Store{Dir: t.TempDir()}
	_, err := s.Get(t.Context(), tiny)
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{"tiny: ", "go build: exit status 1", "tiny.go:39:1: fault number 39", "fault number 20"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "fault number 19\n") {
		t.Errorf("more than the last 20 lines:\n%v", err)
	}
	if left := files(t, s.Dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	g.mode("ok")
	if _, err := s.Get(t.Context(), tiny); err != nil {
		t.Errorf("the next build: %v", err)
	}
}

func TestModuleWithAnotherSum(t *testing.T) {
	g := withTiny(t, "ok")
	g.sum("h1:forged")
	_, err := (&Store{Dir: t.TempDir()}).Get(t.Context(), tiny)
	if err == nil || !strings.Contains(err.Error(), "example.com/tiny@v1.0.0 has the sum h1:forged, want h1:tiny") {
		t.Errorf("got %v", err)
	}
	if g.builds() != 0 {
		t.Error("built all the same")
	}
}

func TestNoGo(t *testing.T) {
	withTiny(t, "ok")
	t.Setenv("PATH", t.TempDir())
	_, err := (&Store{Dir: t.TempDir()}).Get(t.Context(), tiny)
	if err == nil || !strings.Contains(err.Error(), "tiny: needs the go command") || !strings.Contains(err.Error(), "SEATRIAL_BINARIES") {
		t.Errorf("got %v", err)
	}
}
