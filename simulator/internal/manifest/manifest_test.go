package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// say writes documents one a line.
func say(documents []Document) string {
	var out []string
	for _, d := range documents {
		switch {
		case d.Err != nil:
			out = append(out, fmt.Sprintf("%d error at %d: %v", d.Line, d.ErrAt, d.Err))
		case d.Empty:
			out = append(out, fmt.Sprintf("%d empty", d.Line))
		case d.Object == nil:
			out = append(out, fmt.Sprintf("%d no object", d.Line))
		default:
			meta, _ := d.Object["metadata"].(map[string]any)
			out = append(out, fmt.Sprintf("%d %v %v", d.Line, d.Object["kind"], meta["name"]))
		}
	}
	return strings.Join(out, "\n")
}

func TestSplit(t *testing.T) {
	for name, test := range map[string]struct{ reason, in, want string }{
		"one":            {"a file without separators", "kind: A\nmetadata: {name: x}\n", "1 A x"},
		"comments":       {"lines of comments count, but a document starts at its content", "# a\n\n---\n# b\nkind: A\n", "1 empty\n5 A <nil>"},
		"crlf":           {"Windows line ends", "kind: A\r\n---\r\nkind: B\r\n", "1 A <nil>\n3 B <nil>"},
		"bom":            {"a byte order mark", "\xef\xbb\xbfkind: A\n", "1 A <nil>"},
		"literal":        {"an indented separator is text; one at the margin ends even a block scalar", "kind: A\ntext: |\n  ---\n  x\n---\nkind: B\n", "1 A <nil>\n6 B <nil>"},
		"list":           {"the items of a List have their own lines", "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: x}\n- kind: B\n", "4 A x\n6 B <nil>"},
		"typed list":     {"items of a typed list inherit its kind", "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: x}\n", "4 Pod x"},
		"json stream":    {"JSON documents one after the other", "{\"kind\":\"A\"}\n{\"kind\":\"B\"}\n", "1 A <nil>\n2 B <nil>"},
		"json array":     {"a JSON array", "[{\"kind\":\"A\"},{\"kind\":\"B\"}]", "1 A <nil>\n1 B <nil>"},
		"json cut":       {"a truncated JSON document is named, its neighbour kept", "{\"kind\":\"A\"}\n{\"kind\":", "1 A <nil>\n2 error at 2: JSON: ends in the middle of a value"},
		"json then yaml": {"JSON documents with separators, as kubectl reads them", "{\"kind\":\"A\"}\n---\n{\"kind\":\"B\"}\n---\nkind: C\n", "1 A <nil>\n3 B <nil>\n5 C <nil>"},
		"flow mapping":   {"YAML that starts with a brace", "{kind: A, metadata: {name: x}}\n", "1 A x"},
		"scalar":         {"a document that is no mapping", "--- hello\n", "1 no object"},
		"broken":         {"one broken document of three", "kind: A\n---\nkind: B\n bad: x\n---\nkind: C\n", "1 A <nil>\n3 error at 4: YAML: mapping values are not allowed in this context\n6 C <nil>"},
		"template":       {"a template says that it is one", "kind: A\nmetadata:\n  name: {{ .Name }}\n", "1 error at 3: YAML: invalid map key (it looks like a template: render it first)"},
		"binary":         {"a binary file", "kind: A\n\x00", "2 error at 2: holds a NUL byte; is it a binary file?"},
		"invalid utf-8":  {"bytes that are no text", "kind: A\nname: \xff\n", "2 error at 2: not valid UTF-8 text (byte 0xff); is it a binary file, or saved in another encoding?"},
		"empty":          {"nothing", "", "1 empty"},
		"no list at all": {"kind List without items is an object like any other", "apiVersion: v1\nkind: List\nmetadata: {name: x}\n", "1 List x"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, say(Split([]byte(test.in)))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

func TestRepeats(t *testing.T) {
	in := "kind: A\nspec:\n  x: 1\n  x: 2\nbase: &b {k: 1}\nmore: {<<: *b, k: 2}\n---\napiVersion: v1\nkind: List\nitems:\n- kind: B\n- kind: C\n  kind: D\n"
	var got []string
	for _, d := range Split([]byte(in)) {
		got = append(got, fmt.Sprintf("%v %v", d.Object["kind"], d.Twice))
	}
	if diff := cmp.Diff([]string{"A [{x 4}]", "B []", "D [{kind 13}]"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReasonsDoNotQuote(t *testing.T) {
	for _, in := range []string{"password: hunter2\n bad: [\n", "{\"password\": hunter2}", "[{\"password\": hunter2}]", "hunter2: {{ hunter2 }}\n", "a: &hunter2\nb: *hunter3\n", "x: !!int hunter2\n", "? [hunter2]\n: x\n"} {
		for _, d := range Split([]byte(in)) {
			if d.Err != nil && strings.Contains(d.Err.Error(), "hunter") {
				t.Errorf("%q: the reason quotes the document: %v", in, d.Err)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"kind: A\n---\n", "[{}]", "apiVersion: v1\nkind: List\nitems: [1]\n", "a: &a [*a]\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, d := range Split(content) {
			if d.Line < 1 || d.Err != nil && d.ErrAt < 1 {
				t.Fatalf("a document without a place: %+v", d)
			}
		}
	})
}
