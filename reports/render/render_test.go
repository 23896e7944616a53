package render_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports/render"
)

// TestGolden holds every format of every fixture. Run with -update and read the diff.
func TestGolden(t *testing.T) {
	extension := map[string]string{"text": "txt", "markdown": "md", "junit": "xml"}
	for _, name := range fixtures() {
		for _, format := range render.Names() {
			t.Run(name+"/"+format, func(t *testing.T) {
				suffix := extension[format]
				if suffix == "" {
					suffix = format
				}
				compareGolden(t, filepath.Join("testdata", "golden", name+"."+suffix), rendered(t, format, fixture(t, name), render.Options{}))
			})
		}
	}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (run with -update if this is meant) (-want +got):\n%s", path, diff)
	}
}

func TestSameBytesTwice(t *testing.T) {
	for _, format := range render.Names() {
		r := fleet(t, 7, 300, true)
		if rendered(t, format, r, render.Options{}) != rendered(t, format, r, render.Options{}) {
			t.Errorf("%s: two renderings of one report differ", format)
		}
	}
}

func TestReportIsNotEdited(t *testing.T) {
	for _, format := range render.Names() {
		r, _ := json.Marshal(fixture(t, "small"))
		used := fixture(t, "small")
		rendered(t, format, used, render.Options{Detail: true})
		after, _ := json.Marshal(used)
		if diff := cmp.Diff(string(r), string(after)); diff != "" {
			t.Errorf("%s changed the report (-before +after):\n%s", format, diff)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := render.Render(io.Discard, "pdf", fixture(t, "clear"), render.Options{})
	if err == nil {
		t.Fatal("no error for format pdf")
	}
	for _, name := range render.Names() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %q does not name format %s", err, name)
		}
	}
}

func TestNames(t *testing.T) {
	want := []string{"text", "json", "markdown", "html", "sarif", "junit"}
	if got := render.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %v, want %v", got, want)
	}
}
