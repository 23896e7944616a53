package render_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
)

// between is what stands between two strings of a page.
func between(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, from)
	inside, _, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("the page has no %s … %s", from, to)
	}
	return inside
}

const dataStart = `<script type="application/json" id="report">`

const rundownStart = `<script type="application/json" id="rundown">`

func TestHTMLHoldsTheReport(t *testing.T) {
	for _, name := range fixtures() {
		r := fixture(t, name)
		inside := between(t, rendered(t, "html", r, render.Options{}), dataStart, "</script>")
		var got, want any
		if err := json.Unmarshal([]byte(inside), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		content, _ := json.Marshal(r)
		_ = json.Unmarshal(content, &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if strings.ContainsAny(inside, "<>&\u2028") {
			t.Errorf("%s: the embedded report has characters that could end its element", name)
		}
	}
}

// TestHTMLPolicyNamesItsParts holds that the page's own style and script may run, by
// digest, and nothing else.
func TestHTMLPolicyNamesItsParts(t *testing.T) {
	page := rendered(t, "html", hostileAndLarge(t), render.Options{})
	policy := strings.ReplaceAll(between(t, page, `Content-Security-Policy" content="`, `">`), "&#39;", "'")
	policy = strings.ReplaceAll(policy, "&#43;", "+")
	for directive, content := range map[string]string{
		"style-src": between(t, page, "<style>", "</style>"), "script-src": between(t, page, "<script>", "</script>"),
	} {
		sum := sha256.Sum256([]byte(content))
		want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q is not strict", policy)
	}
}

func TestHTMLLoadsNothing(t *testing.T) {
	page := rendered(t, "html", fixture(t, "clear"), render.Options{})
	page = strings.Replace(page, between(t, page, dataStart, "</script>"), "", 1)
	page = strings.Replace(page, `"http://www.w3.org/2000/svg"`, "", 1) // a name that createElementNS wants
	if found := regexp.MustCompile(`(?i)\b(src|srcset|href)="(?:[^#"]|#[^"]*://)[^"]*"|url\(|@import|https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

func TestHTMLSizeOfTenThousand(t *testing.T) {
	page := rendered(t, "html", fleet(t, 20, 10_000, false), render.Options{})
	if most := 12 << 20; len(page) > most {
		t.Errorf("10,000 workloads make a page of %d bytes, want at most %d", len(page), most)
	}
}

// dump opens a page in Chromium, with what is looked at in its address, and gives the
// document as it is after the scripts ran.
func dump(t *testing.T, r *reports.Report, view url.Values) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(rendered(t, "html", r, render.Options{})), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=5000", "--dump-dom", "file://"+file+"#?"+view.Encode()).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	page := strings.Replace(string(out), between(t, string(out), dataStart, "</script>"), "", 1)
	if r.Rehearsal != nil {
		page = strings.Replace(page, between(t, page, rundownStart, "</script>"), "", 1)
	}
	return page
}

func TestHTMLFilters(t *testing.T) {
	r := fixture(t, "small")
	for _, c := range []struct {
		reason string
		view   url.Values
		found  string
		has    string
		hasNot string
	}{
		{"without filters all are there", url.Values{}, "8 workloads with a change", "nightly-invoices", "ResizeObserver loop"},
		{"a class leaves its workloads", url.Values{"class": {"undecided"}}, "1 of 8 workloads with a change", "prometheus", ">mailer<"},
		{"a namespace of one cluster", url.Values{"cluster": {"staging"}, "namespace": {"shop"}}, "2 of 8 workloads with a change", "mailer", ">cart<"},
		{"cluster-scoped objects have a filter too", url.Values{"namespace": {"(none)"}}, "1 of 8 workloads with a change", "team-b", ">cart<"},
		{"a bite", url.Values{"bite": {"next-restart"}}, "1 of 8 workloads with a change", "node-exporter", ">cart<"},
		{"a team", url.Values{"team": {"platform"}}, "3 of 8 workloads with a change", "node-exporter", ">cart<"},
		{"a policy", url.Values{"policy": {"ClusterPolicy//disallow-latest-tag"}}, "1 of 8 workloads with a change", "mailer", ">cart<"},
		{"search in messages, all words wanted", url.Values{"q": {"resource LIMITS container"}}, "1 of 8 workloads with a change", "search", ">cart<"},
		{"search finds users", url.Values{"q": {"alice@shop"}}, "1 of 8 workloads with a change", "cart", ">mailer<"},
		{"nothing is found", url.Values{"q": {"no such thing"}}, "0 of 8 workloads with a change", "", ">cart<"},
		{"a linked workload is opened, with the policy's change", url.Values{"workload": {"production/shop/Deployment/cart"}}, "1 of 8 workloads with a change", "Object of the first changed request", ">mailer<"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			page := dump(t, r, c.view)
			if got := between(t, page, `aria-live="polite">`, "<"); got != c.found {
				t.Errorf("found %q, want %q", got, c.found)
			}
			list := between(t, page, `id="list">`, "</ol>")
			if !strings.Contains(list, c.has) || strings.Contains(list, c.hasNot) {
				t.Errorf("the list lacks %q or has %q:\n%s", c.has, c.hasNot, list)
			}
		})
	}
}

// TestHTMLHostile opens the hostile report with its workload unfolded: what was written
// into names, messages, patches and objects stays text.
func TestHTMLHostile(t *testing.T) {
	r := hostileAndLarge(t)
	w := r.Workloads[0]
	page := dump(t, r, url.Values{"workload": {strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name}, "/")}})
	title := between(t, page, "<title>", "</title>")
	if title == "pwned" || !strings.Contains(title, "would be newly denied") {
		t.Errorf("the title became %q", title)
	}
	if !strings.Contains(page, "show all") {
		t.Error("the workload is not open, or its long message is shown whole")
	}
	body := strings.Replace(page, between(t, page, "<style>", "</style>"), "", 1)
	body = strings.Replace(body, between(t, body, "<script>", "</script>"), "", 1)
	if found := regexp.MustCompile(`<(img|iframe|object|embed|link|base)\b`).FindString(body); found != "" {
		t.Errorf("the document has a %q that we did not write", found)
	}
	if n := strings.Count(body, "<script"); n != 3 {
		t.Errorf("the document has %d scripts, want the report, the rundown and ours", n)
	}
	body = regexp.MustCompile(` value="[^"]*"`).ReplaceAllString(body, "") // of options: not shown
	for _, hidden := range []string{"\u202e", "\u2066", "\x1b"} {
		if strings.Contains(body, hidden) {
			t.Errorf("the document shows %q as it is", hidden)
		}
	}
}

// TestKeep leaves html reports in the folder of -keep, for eyes.
func TestKeep(t *testing.T) {
	if *keep == "" {
		t.Skip("no -keep folder")
	}
	all := map[string]*reports.Report{"fleet": fleet(t, 6, 420, true), "large": fleet(t, 20, 10_000, false), "evil": hostileAndLarge(t), "only": rehearsalOnly(t), "twenty": rehearsedFleet(t, 20, 120)}
	for _, name := range fixtures() {
		all[name] = fixture(t, name)
	}
	for name, r := range all {
		if err := os.WriteFile(filepath.Join(*keep, name+".html"), []byte(rendered(t, "html", r, render.Options{})), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
