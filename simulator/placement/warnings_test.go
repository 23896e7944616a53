package placement

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page of warnings names every code that the package gives, and no other.
func TestWarningsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/plan-warnings.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, m[1])
	}
	given := givenCodes(t)
	slices.Sort(documented)
	if len(given) < 30 {
		t.Fatalf("only %d codes were found: the test looks for the wrong thing", len(given))
	}
	if d := cmp.Diff(given, documented); d != "" {
		t.Errorf("docs/plan-warnings.md (-given +documented):\n%s", d)
	}
}

// givenCodes are the codes in the package's own text.
func givenCodes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`(?:warning|note|warn|addMember)\((?:o, )?"([a-z0-9-]+)"|Code: +"([a-z0-9-]+)"`)
	codes := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			codes[m[1]+m[2]] = true
		}
	}
	return sortedKeys(codes)
}
