package scenarios

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected outputs and the schemas; review the diff like code")

// TestFaults reads the archives of testdata/invalid: each holds a file with faults, and in
// "want" the lines that are said of it, all of them, in order.
func TestFaults(t *testing.T) {
	archives, err := filepath.Glob("testdata/invalid/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			file, want := archive.Files[0], strings.TrimSpace(string(archive.Files[1].Data))
			err := parse(file.Name, file.Data)
			if err == nil {
				t.Fatalf("%s: no fault", archive.Comment)
			}
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%v is not ErrInvalid", err)
			}
			if *update {
				archive.Files[1].Data = []byte(err.Error() + "\n")
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("%s(-want +got):\n%s", archive.Comment, diff)
			}
		})
	}
}

// parse reads a file of either kind, by its name.
func parse(name string, content []byte) error {
	if strings.HasPrefix(name, "fleet") {
		_, err := ParseFleet(name, content)
		return err
	}
	_, err := ParseScenario(name, content)
	return err
}

func TestDefaults(t *testing.T) {
	s, err := ParseScenario("s.yaml", small(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Seed != 1 || s.Stages[0].Mode != AsWritten || s.Stages[0].Gate.Otherwise != Hold {
		t.Errorf("seed %d, mode %q, otherwise %q; want 1, AsWritten, hold", s.Seed, s.Stages[0].Mode, s.Stages[0].Gate.Otherwise)
	}
	if g := s.Stages[0].Gate; g.Denied != nil || g.WebhookErrors != nil {
		t.Error("a condition that is not written is set")
	}
}

func small(t testing.TB) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		bad  bool
	}{
		{text: "30s", want: 30 * time.Second},
		{text: "1m30s", want: 90 * time.Second},
		{text: "250ms", want: 250 * time.Millisecond},
		{text: "0", want: 0},
		{text: "30", bad: true},
		{text: "-1s", bad: true},
		{text: "soon", bad: true},
		{text: "[1s]", bad: true},
	} {
		content := strings.Replace(string(small(t)), "soak: 5s", "soak: "+c.text, 1)
		s, err := ParseScenario("s.yaml", []byte(content))
		switch {
		case c.bad && err == nil:
			t.Errorf("%s is taken as %s", c.text, time.Duration(s.Stages[0].Soak))
		case c.bad && !strings.Contains(err.Error(), "line 8"):
			t.Errorf("%s: %v does not name line 8", c.text, err)
		case !c.bad && (err != nil || time.Duration(s.Stages[0].Soak) != c.want):
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestLibrary(t *testing.T) {
	names := Names()
	want := []string{"audit-to-enforce", "canary-first", "development-stays-in-audit", "migrate-to-cel", "remove-policy", "staged-run", "two-am", "update-in-place"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatal(diff)
	}
	for _, n := range names {
		s, err := LoadScenario("library:" + n)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Metadata.Name != n || s.Metadata.Description == "" {
			t.Errorf("%s is called %q: %q", n, s.Metadata.Name, s.Metadata.Description)
		}
		if s.Capture+s.Baseline+s.Candidate != "" {
			t.Errorf("%s names files, which the library cannot know", n)
		}
		if s.Hub != nil && (s.Hub.Objects+s.Hub.From != "" || s.Hub.Gate.Otherwise != RollBack) {
			t.Errorf("%s names a hub, or does not roll back", n)
		}
		for _, st := range s.Stages {
			if st.Candidate+st.Exceptions != "" || st.Gate.Otherwise != RollBack {
				t.Errorf("%s, stage %s names files, or does not roll back", n, st.Name)
			}
		}
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"library:nothing", "(it has audit-to-enforce, canary-first"},
		{"canary-first", "hint: the library's is library:canary-first"},
		{"nowhere.yaml", "nowhere.yaml: no such file"},
	} {
		if _, err := LoadScenario(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
	if _, err := LoadFleet("nowhere.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a fleet that is not there: %v", err)
	}
}

// FuzzParse holds that no content of a file makes the reader panic, and that what it takes
// has what the rehearsal relies on.
func FuzzParse(f *testing.F) {
	f.Add(small(f))
	for _, n := range Names() {
		content, err := Library.ReadFile("library/" + n + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, s := range []string{"", "---", "~", "[]", "a: &a [*a]", "stages: [{gate: {denied: x}}]", "# nothing", "stages: {0: ~}", "\xff", "<<: {a: 1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = ParseFleet("fleet.yaml", content)
		s, err := ParseScenario("s.yaml", content)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml") {
				t.Errorf("%q does not name the file", err)
			}
			return
		}
		if len(s.Stages) == 0 && s.Hub == nil || s.Seed == 0 || s.Metadata.Name == "" {
			t.Errorf("taken, but incomplete: %+v", s)
		}
		if s.Hub != nil && (s.Hub.Driver == "" || s.Hub.Gate.Otherwise == "") {
			t.Errorf("taken, but incomplete: %+v", s.Hub)
		}
		for _, st := range s.Stages {
			if st.Mode == "" || st.Gate.Otherwise == "" || st.Soak < 0 {
				t.Errorf("taken, but incomplete: %+v", st)
			}
		}
	})
}

// What kind clusters have is a fleet's where one of them is of kind, or may be by a flag.
func TestKindOfAFleet(t *testing.T) {
	for spec, fine := range map[string]bool{
		"{kind: {workers: 1}}":                        true,
		"{kind: {workers: 1}, clusters: [{name: a}]}": true,
		"{kind: {workers: 1}, provider: kind}":        true,
		"{kind: {workers: 1}, provider: embedded, clusters: [{name: a}, {name: b, provider: kind}]}": true,
		"{provider: embedded, clusters: [{name: a, provider: kind, kind: {workers: 1}}]}":            true,
		"{kind: {workers: 1}, provider: embedded, count: 2}":                                         false,
		"{kind: {workers: 1}, clusters: [{name: a, provider: embedded}]}":                            false,
		"{clusters: [{name: a, provider: embedded, kind: {workers: 1}}]}":                            false,
		"{allowExisting: true, provider: existing, clusters: [{name: a, kind: {workers: 1}}]}":       false,
	} {
		_, err := ParseFleet("fleet.yaml", []byte("apiVersion: seatrial.dev/v1alpha1\nkind: Fleet\nspec: "+spec+"\n"))
		if (err == nil) != fine {
			t.Errorf("%s: %v", spec, err)
		}
	}
}
