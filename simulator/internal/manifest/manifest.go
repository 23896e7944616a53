// Package manifest splits files into documents: multi-document YAML, JSON, streams of
// JSON, Lists. [Split] keeps the line of each document and the text as written, and turns
// each into the JSON that kubectl would send. A document that does not parse is returned
// with its reason; its neighbours are not lost.
//
// Reasons never quote the document: it may be a Secret.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Document is one document of a file, or one item of a List.
type Document struct {
	Line   int            // of its first line that is not blank or a comment, from 1
	Text   string         // as written; of a List's item: re-encoded
	Object map[string]any // nil when Err is set, or when the document is no mapping
	Err    error          // why it could not be read, without a position
	ErrAt  int            // line of the error; Line when the parser names none
	Empty  bool           // nothing but comments
	Twice  []Repeat       // keys that are written twice in one mapping
}

// Split returns the documents of content, Lists taken apart, in order.
func Split(content []byte) []Document {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if at := invalidUTF8(content); at >= 0 {
		return []Document{fault(1+bytes.Count(content[:at], []byte("\n")), fmt.Errorf("not valid UTF-8 text (byte 0x%02x); is it a binary file, or saved in another encoding?", content[at]))}
	}
	if i := bytes.IndexByte(content, 0); i >= 0 {
		return []Document{fault(1+bytes.Count(content[:i], []byte("\n")), errors.New("holds a NUL byte; is it a binary file?"))}
	}
	if looksLikeJSON(content) {
		return splitJSON(content)
	}
	return splitYAML(content, 1)
}

func splitYAML(content []byte, line int) (out []Document) {
	for _, part := range cut(content) {
		out = append(out, parseYAML(part, line)...)
		line += strings.Count(part, "\n")
	}
	return out
}

// invalidUTF8 is where content stops being UTF-8; -1 where it never does.
func invalidUTF8(content []byte) int {
	for at := 0; at < len(content); {
		r, size := utf8.DecodeRune(content[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func fault(line int, err error) Document { return Document{Line: line, ErrAt: line, Err: err} }

func looksLikeJSON(content []byte) bool {
	trimmed := bytes.TrimSpace(content)
	return len(trimmed) > 0 && (trimmed[0] == '{' && json.Valid(firstValue(trimmed)) || trimmed[0] == '[')
}

// firstValue is the first JSON value of a stream, nil when there is none.
func firstValue(content []byte) []byte {
	var raw json.RawMessage
	if json.NewDecoder(bytes.NewReader(content)).Decode(&raw) != nil {
		return nil
	}
	return raw
}

func splitJSON(content []byte) []Document {
	var out []Document
	decoder := json.NewDecoder(bytes.NewReader(content))
	for {
		var raw json.RawMessage
		start := decoder.InputOffset()
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return out
		}
		if at := separator.FindIndex(content[start:]); err != nil && at != nil && len(bytes.TrimSpace(content[start:][:at[0]])) == 0 {
			at := int(start) + at[0] // as kubectl does: the rest is YAML
			return append(out, splitYAML(content[at:], 1+bytes.Count(content[:at], []byte("\n")))...)
		}
		if err != nil {
			return append(out, fault(valueLine(content, start), errors.New("JSON: "+jsonReason(err))))
		}
		line := valueLine(content, start)
		out = append(out, parseJSON(raw, line)...)
	}
}

// jsonReason drops the quoted character, which is a piece of the document.
func jsonReason(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "ends in the middle of a value"
	}
	return regexp.MustCompile(`'(\\.|[^'])*'`).ReplaceAllString(err.Error(), "a character")
}

// valueLine is the line of the first value at or after offset.
func valueLine(content []byte, offset int64) int {
	gap := content[min(int(offset), len(content)):]
	at := len(content) - len(bytes.TrimLeft(gap, " \t\r\n"))
	return 1 + bytes.Count(content[:at], []byte("\n"))
}

func parseJSON(raw json.RawMessage, line int) []Document {
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) > 0 && trimmed[0] == '[' {
		var items []json.RawMessage
		if err := json.Unmarshal(trimmed, &items); err != nil {
			return []Document{fault(line, errors.New("JSON: "+jsonReason(err)))}
		}
		var out []Document
		for _, item := range items {
			out = append(out, parseJSON(item, line)...)
		}
		return out
	}
	object, err := decode(trimmed)
	if err != nil {
		return []Document{{Line: line, Text: string(raw)}} // a scalar: no object
	}
	return flatten(Document{Line: line, Text: string(raw), Object: object}, nil)
}

// separator is a line that starts a document. YAML knows it even within a block scalar.
var separator = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)

func cut(content []byte) []string {
	var parts []string
	start := 0
	for _, at := range separator.FindAllIndex(content, -1) {
		if at[0] > start {
			parts = append(parts, string(content[start:at[0]]))
		}
		start = at[0]
	}
	return append(parts, string(content[start:]))
}

func parseYAML(text string, line int) []Document {
	first := firstContent(text)
	if first < 0 {
		return []Document{{Line: line, Text: text, Empty: true}}
	}
	doc := Document{Line: line + first, Text: text}
	raw, strict, err := toJSON(text)
	if err != nil {
		doc.Err, doc.ErrAt = yamlReason(err, line, doc.Line)
		if i := strings.Index(text, "{{"); i >= 0 {
			doc.Err = fmt.Errorf("%w (it looks like a template: render it first)", doc.Err)
			if doc.ErrAt == doc.Line {
				doc.ErrAt = line + strings.Count(text[:i], "\n")
			}
		}
		return []Document{doc}
	}
	if doc.Object, err = decode(raw); err != nil {
		return []Document{doc} // a scalar or a sequence: no object
	}
	docs := flatten(doc, func() []int { return itemLines(text, line) })
	if strict {
		return docs
	}
	return handOut(docs, repeats(text, line))
}

// toJSON guards against panics of the YAML parser on hostile input. strict is false for
// documents that a strict reader would not take, such as ones with a key twice.
func toJSON(text string) (raw []byte, strict bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: the parser gave up: %v", p)
		}
	}()
	if raw, err := yaml.YAMLToJSONStrict([]byte(text)); err == nil {
		return raw, true, nil
	}
	raw, err = yaml.YAMLToJSON([]byte(text))
	return raw, false, err
}

func decode(raw []byte) (map[string]any, error) {
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("null")
	}
	return object, nil
}

// firstContent is the index of the first line with content, -1 without any.
func firstContent(text string) int {
	for i, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") || l == "..." || strings.HasPrefix(l, "%") {
			continue
		}
		if strings.HasPrefix(l, "---") {
			rest := strings.TrimSpace(strings.TrimPrefix(l, "---"))
			if rest == "" || strings.HasPrefix(rest, "#") {
				continue
			}
		}
		return i
	}
	return -1
}

var yamlLine = regexp.MustCompile(`line (\d+):? ?`)

// yamlReason takes the position out of a parser's error. Lines count from the document's start.
func yamlReason(err error, base, fallback int) (error, int) {
	text := err.Error()
	at := fallback
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		at = base + max(n-1, 0)
		text = strings.Replace(text, m[0], "", 1)
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "error converting YAML to JSON: "), "yaml: ")
	if strings.HasPrefix(text, "invalid map key") {
		text = "invalid map key" // the rest quotes the document
	}
	return errors.New("YAML: " + quoted.ReplaceAllString(text, "…")), at
}

// quoted is what goyaml quotes of a document: values, keys, anchors. Single characters
// are syntax.
var quoted = regexp.MustCompile("`[^`]*`|'[^']{2,}'|\"[^\"]{2,}\"")

// flatten takes Lists apart. lines gives the line of each item, when the format shows it.
func flatten(doc Document, lines func() []int) []Document {
	kind, _ := doc.Object["kind"].(string)
	items, isList := doc.Object["items"].([]any)
	if !isList || !strings.HasSuffix(kind, "List") || doc.Object["apiVersion"] == nil {
		return []Document{doc}
	}
	var at []int
	if lines != nil {
		at = lines()
	}
	apiVersion, _ := doc.Object["apiVersion"].(string)
	var out []Document
	for i, item := range items {
		one := Document{Line: doc.Line}
		if i < len(at) {
			one.Line = at[i]
		}
		object, ok := item.(map[string]any)
		if !ok {
			one.ErrAt, one.Err = one.Line, fmt.Errorf("item %d of the %s is no object", i, kind)
			out = append(out, one)
			continue
		}
		inherit(object, kind, apiVersion)
		one.Object = object
		if text, err := yaml.Marshal(object); err == nil {
			one.Text = string(text)
		}
		out = append(out, flatten(one, nil)...)
	}
	return out
}

// inherit gives the items of a typed list (PodList) the kind that the list implies.
func inherit(object map[string]any, listKind, apiVersion string) {
	if listKind == "List" {
		return
	}
	if object["kind"] == nil {
		object["kind"] = strings.TrimSuffix(listKind, "List")
	}
	if object["apiVersion"] == nil {
		object["apiVersion"] = apiVersion
	}
}

// itemLines finds where the items of a List start.
func itemLines(text string, base int) (lines []int) {
	defer func() {
		if recover() != nil {
			lines = nil // positions are a courtesy
		}
	}()
	var root yamlv3.Node
	if yamlv3.Unmarshal([]byte(text), &root) != nil || len(root.Content) == 0 {
		return nil
	}
	top := root.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value != "items" {
			continue
		}
		for _, item := range top.Content[i+1].Content {
			lines = append(lines, base+item.Line-1)
		}
	}
	return lines
}
