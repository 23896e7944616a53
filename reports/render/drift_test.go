package render_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/drift"
)

// driftFixture is what the command answered for fixtures/drift. To make it anew, capture the
// clusters as cmd/seatrial/cli/drift_test.go does and save -o json.
func driftFixture(t *testing.T) *reports.Drift {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "drift.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := &reports.Drift{}
	if err := json.Unmarshal(content, d); err != nil {
		t.Fatal(err)
	}
	for i := range d.Findings { // values as they are before they are indented
		for j := range d.Findings[i].Differences {
			x := &d.Findings[i].Differences[j]
			x.Intended, x.Installed = compacted(t, x.Intended), compacted(t, x.Installed)
		}
	}
	return d
}

func compacted(t *testing.T, v json.RawMessage) json.RawMessage {
	t.Helper()
	if v == nil {
		return nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hostileDrift has every text of the fixture end in what would break out of a format.
func hostileDrift(t *testing.T) *reports.Drift {
	t.Helper()
	const evil = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e|`\n# EOF\n\"} 1"
	d := driftFixture(t)
	for i := range d.Clusters {
		d.Clusters[i].Name += evil
	}
	for i := range d.Objects {
		d.Objects[i].Object.Name += evil
		for j := range d.Objects[i].Cells {
			d.Objects[i].Cells[j].Placement += evil
		}
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Text, f.Fix, f.Object.Name = f.Text+evil, f.Fix+evil, f.Object.Name+evil
		for j := range f.Clusters {
			f.Clusters[j] += evil
		}
		for j := range f.Differences {
			f.Differences[j].Path += evil
			f.Differences[j].Installed, _ = json.Marshal(evil)
		}
	}
	for i := range d.Exceptions {
		e := &d.Exceptions[i]
		e.Object.Name, e.Policies = e.Object.Name+evil, append(e.Policies, evil)
		e.Said = append(e.Said, drift.Said{What: "reason", Value: evil, By: evil})
	}
	d.Notes = append(d.Notes, evil)
	d.Headline += evil
	return d
}

func renderedDrift(t *testing.T, format string, d *reports.Drift, opt render.Options) string {
	t.Helper()
	var b strings.Builder
	if err := render.Drift(&b, format, d, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDriftGolden holds every format of the fixture. Run with -update and read the diff.
func TestDriftGolden(t *testing.T) {
	for format, file := range map[string]string{"text": "drift.txt", "markdown": "drift.md", "openmetrics": "drift.prom"} {
		compareGolden(t, filepath.Join("testdata", "golden", file), renderedDrift(t, format, driftFixture(t), render.Options{}))
	}
	compareGolden(t, filepath.Join("testdata", "golden", "drift-60.txt"), renderedDrift(t, "text", driftFixture(t), render.Options{Width: 60}))
}

func TestDriftJSONComesBack(t *testing.T) {
	want := driftFixture(t)
	got := &reports.Drift{}
	if err := json.Unmarshal([]byte(renderedDrift(t, "json", want, render.Options{})), got); err != nil {
		t.Fatal(err)
	}
	for i := range got.Findings {
		for j := range got.Findings[i].Differences {
			x := &got.Findings[i].Differences[j]
			x.Intended, x.Installed = compacted(t, x.Intended), compacted(t, x.Installed)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDriftTextIsSafeAndFits renders hostile data at several widths.
func TestDriftTextIsSafeAndFits(t *testing.T) {
	for _, width := range []int{0, 40, 60, 200} {
		text := renderedDrift(t, "text", hostileDrift(t), render.Options{Width: width, Detail: true})
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("width %d: the text has control characters", width)
		}
		most := map[int]int{0: 100}[width]
		if most == 0 {
			most = width
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > most {
				t.Errorf("width %d: a line of %d: %s", width, n, line)
			}
		}
	}
	if colored := renderedDrift(t, "text", driftFixture(t), render.Options{Color: true}); !strings.Contains(colored, "\x1b[31m✗") {
		t.Error("the text has no colours where they are asked for")
	}
}

// TestDriftOpenMetrics reads the metrics with the parser of Prometheus' text format, and
// holds what OpenMetrics asks for beyond it.
func TestDriftOpenMetrics(t *testing.T) {
	for name, d := range map[string]*reports.Drift{"fixture": driftFixture(t), "hostile": hostileDrift(t)} {
		text := renderedDrift(t, "openmetrics", d, render.Options{})
		if !strings.HasSuffix(text, "\n# EOF\n") || strings.Count(text, "\n# EOF\n") != 1 {
			t.Errorf("%s: the end mark is not at the end, once", name)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(strings.TrimSuffix(text, "# EOF\n")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		findings := families["seatrial_drift_findings"].GetMetric()
		if want := len(d.Clusters) * len(drift.Kinds()); len(findings) != want {
			t.Errorf("%s: %d values of findings, want %d: each kind in each cluster", name, len(findings), want)
		}
		sum := 0.0
		for _, m := range findings {
			sum += m.GetGauge().GetValue()
		}
		if want := 24.0; sum != want {
			t.Errorf("%s: %v findings, want %v", name, sum, want)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			series := line[:strings.LastIndex(line, " ")]
			if seen[series] {
				t.Errorf("%s: twice: %s", name, series)
			}
			seen[series] = true
		}
		for family := range families {
			if !strings.Contains(text, "# TYPE "+family+" gauge\n") {
				t.Errorf("%s: %s has no type", name, family)
			}
		}
	}
}

const driftData = `<script type="application/json" id="drift">`

func TestDriftHTML(t *testing.T) {
	d := hostileDrift(t)
	page := renderedDrift(t, "html", d, render.Options{})
	inside := between(t, page, driftData, "</script>")
	if strings.ContainsAny(inside, "<>&\u2028") {
		t.Error("the embedded data has characters that could end its element")
	}
	got := &reports.Drift{}
	if err := json.Unmarshal([]byte(inside), got); err != nil {
		t.Fatal(err)
	}
	for i := range d.Findings { // what JSON escapes for HTML is the same value
		for j := range d.Findings[i].Differences {
			d.Findings[i].Differences[j].Installed, got.Findings[i].Differences[j].Installed = nil, nil
		}
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("-want +embedded:\n%s", diff)
	}
	rest := strings.Replace(page, inside, "", 1)
	if found := regexp.MustCompile(`(?i)<img|<[^>]*\b(src|srcset)=|url\(|@import|https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(`).FindString(rest); found != "" {
		t.Errorf("the page has %q", found)
	}
	if !strings.Contains(page, "Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src &#39;sha256-") {
		t.Error("the page's policy is not strict")
	}
}

func TestDriftFormatsAreKnown(t *testing.T) {
	var b strings.Builder
	err := render.Drift(&b, "pdf", driftFixture(t), render.Options{})
	if err == nil || !strings.Contains(err.Error(), strings.Join(render.DriftNames(), ", ")) {
		t.Errorf("error %v does not list the formats", err)
	}
	for _, format := range render.DriftNames() {
		d := driftFixture(t)
		before, _ := json.Marshal(d)
		renderedDrift(t, format, d, render.Options{Detail: true})
		if after, _ := json.Marshal(d); !slices.Equal(before, after) {
			t.Errorf("%s changed the answer", format)
		}
	}
}
