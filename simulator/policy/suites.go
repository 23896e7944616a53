package policy

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/simulator/internal/manifest"
)

// OfSuite begins the reason for which a document is passed over that a test suite in the folder
// tests with: nobody installs it.
const OfSuite = "it belongs to the test suite "

// suites finds which files test suites name, in their folder or below: resources, exceptions, values,
// each with the suite that does. Policies under test are none of them.
func suites(files []file) map[string]string {
	names, policies := map[string]string{}, map[string]bool{}
	all := make([]string, 0, len(files))
	for _, f := range files {
		all = append(all, f.name)
	}
	slices.Sort(all)
	for _, f := range files {
		if !bytes.Contains(f.content, []byte("cli.kyverno.io")) && !bytes.Contains(f.content, []byte("chainsaw.kyverno.io")) {
			continue
		}
		for _, doc := range manifest.Split(f.content) {
			if apiVersion, _ := doc.Object["apiVersion"].(string); doc.Object["kind"] != "Test" || !IsClientSide(apiVersion) {
				continue
			}
			under := doc.Object["policies"]
			delete(doc.Object, "policies")
			for _, name := range namedBy(doc.Object, f.name, all) {
				names[name] = f.name
			}
			for _, name := range namedBy(under, f.name, all) {
				policies[name] = true
			}
		}
	}
	for name := range policies {
		delete(names, name)
	}
	return names
}

// namedBy are the files in the folder of a suite, or below, that a part of the suite names: of all files,
// sorted.
func namedBy(node any, suite string, files []string) (found []string) {
	switch v := node.(type) {
	case map[string]any:
		for _, inner := range v {
			found = append(found, namedBy(inner, suite, files)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, namedBy(inner, suite, files)...)
		}
	case string:
		folder := path.Dir(suite)
		at := path.Join(folder, v)
		if v == "" || folder != "." && !strings.HasPrefix(at, folder+"/") || strings.HasPrefix(at, "../") {
			return nil
		}
		if _, is := slices.BinarySearch(files, at); is {
			found = append(found, at)
		}
		first, _ := slices.BinarySearch(files, at+"/")
		for _, name := range files[first:] {
			if !strings.HasPrefix(name, at+"/") {
				break
			}
			if name != suite {
				found = append(found, name)
			}
		}
	}
	return slices.Compact(found)
}

// tests tells whether a document of a suite's files is what the suite tests with: no policy.
func tests(what class, kind string) bool { return what == classOther || kind == "PolicyException" }
