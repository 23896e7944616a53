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
				got := rendered(t, format, fixture(t, name), render.Options{})
				if format == "html" {
					got = scrubHTML(t, got)
				}
				compareGolden(t, filepath.Join("testdata", "golden", name+"."+suffix), got)
			})
		}
	}
}

// scrubHTML leaves out what has files or tests of its own: style, script, their digests, the data.
func scrubHTML(t *testing.T, page string) string {
	for _, part := range [][2]string{{"<style>", "</style>"}, {dataStart, "</script>"}, {"<script>", "</script>"}, {"-src &#39;sha256-", "&#39;; script"}, {"script-src &#39;sha256-", "&#39;"}} {
		page = strings.Replace(page, part[0]+between(t, page, part[0], part[1]), part[0]+"…", 1)
	}
	if strings.Contains(page, rundownStart) {
		page = strings.Replace(page, between(t, page, rundownStart, "</script>"), "…", 1)
	}
	return page
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
		r.Rehearsal = rehearsedFleet(t, 20, 40).Rehearsal
		if rendered(t, format, r, render.Options{}) != rendered(t, format, r, render.Options{}) {
			t.Errorf("%s: two renderings of one report differ", format)
		}
	}
}

func TestReportIsNotEdited(t *testing.T) {
	for _, format := range render.Names() {
		r, _ := json.Marshal(fixture(t, "rehearsed"))
		used := fixture(t, "rehearsed")
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

// BenchmarkTenThousand renders 10,000 newly denied workloads of 20 clusters.
func BenchmarkTenThousand(b *testing.B) {
	r := fleet(b, 20, 10_000, false)
	for _, format := range render.Names() {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(rendered(b, format, r, render.Options{}))
			}
			b.ReportMetric(float64(size), "bytes/report")
		})
	}
}
