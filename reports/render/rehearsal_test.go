package render_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seatrial/seatrial/reports/render"
)

// TestTextDrawsTheStages holds that every width from 60 on has the picture, and that bars
// follow one another.
func TestTextDrawsTheStages(t *testing.T) {
	bars := regexp.MustCompile(`(·*)([█▓▒░]+)·*`)
	for _, width := range []int{60, 80, 100, 160} {
		text := rendered(t, "text", rehearsalOnly(t), render.Options{Width: width})
		end, n := 0, 0
		for _, line := range strings.Split(text, "\n") {
			bar := bars.FindStringSubmatch(line)
			if bar == nil || strings.Contains(line, "█ passed") {
				continue
			}
			n++
			from := strings.Count(bar[1], "·")
			if from < end-1 {
				t.Errorf("width %d: a bar begins at %d, before the last ended at %d: %s", width, from, end, line)
			}
			end = from + len([]rune(bar[2]))
		}
		if n != 5 {
			t.Errorf("width %d: %d bars, want 5:\n%s", width, n, text)
		}
	}
}

// TestTextOfTwentyClusters holds that a large fleet stays readable: states instead of
// columns, and everything that is left out is told.
func TestTextOfTwentyClusters(t *testing.T) {
	text := rendered(t, "text", rehearsedFleet(t, 20, 120), render.Options{})
	if n := strings.Count(text, "\n"); n > 110 {
		t.Errorf("20 clusters make %d lines, want at most 110", n)
	}
	for _, want := range []string{
		"on 20 embedded clusters: rolled back", "… and 5 more clusters", "… and 110 more; the html and json reports have them all",
		"live and predicted answers agree on 64,000 of 64,120 decided requests",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if all := rendered(t, "text", rehearsedFleet(t, 20, 120), render.Options{Detail: true}); !strings.Contains(all, "app-119") {
		t.Error("the detailed text lacks the last miss")
	}
}

// TestMatrixByState shows the states of a fleet that is too wide for columns.
func TestMatrixByState(t *testing.T) {
	text := rendered(t, "text", rehearsedFleet(t, 20, 0), render.Options{})
	for _, want := range []string{
		`ClusterPolicy require-team-label +A 9c41e01 ✓ +20 +all\n`,
		`ClusterPolicy restrict-image-registries +A 9c41e02 ✓ +18 +the others`,
		`\n +E 77ab01f ✗ +1 +prod-us-5\n`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no line is like %s:\n%s", want, text)
		}
	}
}

// TestMarkdownFoldsMisses holds that no more than ten misses are in a comment.
func TestMarkdownFoldsMisses(t *testing.T) {
	text := rendered(t, "markdown", rehearsedFleet(t, 20, 500), render.Options{})
	if n := strings.Count(text, "<code>UPDATE Deployment"); n != 10 || !strings.Contains(text, "… and 490 more") {
		t.Errorf("%d misses, want 10 and what is left out told", n)
	}
}

func TestHTMLRehearsal(t *testing.T) {
	for name, c := range map[string]struct {
		clusters, lanes int // of the stage that was rolled back
	}{"few clusters have lanes": {3, 3}, "many clusters have none": {20, 0}} {
		t.Run(name, func(t *testing.T) {
			page := dump(t, rehearsedFleet(t, c.clusters, 30), url.Values{})
			picture := between(t, page, `<div class="gantt">`, "</svg>")
			if n := strings.Count(picture, `class="bar"`); n != 7 {
				t.Errorf("%d bars, want 7: coming up, five stages, the ways back", n)
			}
			_, last, _ := strings.Cut(picture, ">enforce the fleet<")
			last, _, _ = strings.Cut(last, ">ways back<")
			if n := strings.Count(last, `class="lane"`); n != c.lanes {
				t.Errorf("%d lanes, want %d", n, c.lanes)
			}
			for _, kind := range []string{"policy", "gate", "rollback"} {
				if !strings.Contains(last, "mark "+kind) {
					t.Errorf("the last stage has no mark of kind %s", kind)
				}
			}
			if n := strings.Count(between(t, page, `class="grid matrix"`, "</table>"), "<td"); n != 4*c.clusters {
				t.Errorf("%d cells of the fleet, want %d", n, 4*c.clusters)
			}
			if n := strings.Count(page, `class="way"`); n != 5 {
				t.Errorf("%d ways back, want 5", n)
			}
		})
	}
}

// TestHTMLOfARehearsalOnly holds that the parts of a prediction are away without one.
func TestHTMLOfARehearsalOnly(t *testing.T) {
	page := dump(t, rehearsalOnly(t), url.Values{})
	for _, id := range []string{"numbers", "map", "workloads"} {
		if !strings.Contains(page, fmt.Sprintf(`<section id="%s" hidden`, id)) || strings.Contains(page, fmt.Sprintf(`href="#%s">`, id)) {
			t.Errorf("section %s is shown or linked", id)
		}
	}
	for _, want := range []string{"1 live answer unlike the prediction", "worked 2 of 3", "never reported ready", "rolled back, 23 denied"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
