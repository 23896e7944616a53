// Package strict reads the files that this project defines, as seatrial.yaml or a scenario:
// one YAML document, of which every field is known. [Read] decodes it; the [File] that it
// returns collects what else is wrong, each fault with the line of what it is about.
//
// Faults name fields and lines as a user wrote them, never Go's types.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// APIVersion is that of every file of this project.
const APIVersion = "seatrial.dev/v1alpha1"

// ErrInvalid marks the faults of a file's content.
var ErrInvalid = errors.New("invalid")

// A File is a file that was decoded. It knows the line of each of its values.
type File struct {
	name   string
	root   *yaml.Node
	faults []error
}

// Read decodes content, the one document of a file, into the value that into points to.
// name is for messages. An empty file, a second document, an unknown field and a value of
// another type are errors that wrap [ErrInvalid].
func Read(name string, content []byte, into any) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w: the file is empty", name, ErrInvalid)
		}
		return nil, decodeError(name, err, reflect.TypeOf(into).Elem())
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w: has more than one document", name, ErrInvalid)
	}
	var root yaml.Node
	return &File{name: name, root: &root}, yaml.Unmarshal(content, &root)
}

// Head checks what a file says that it is; kind is what it must be.
func (f *File) Head(apiVersion, is, kind string) {
	if apiVersion != APIVersion {
		f.Fault("apiVersion", "%q, want %q", apiVersion, APIVersion)
	}
	if is != kind {
		f.Fault("kind", "%q, want %q", is, kind)
	}
}

// Fault notes what is wrong at a path like stages[1].gate.otherwise.
func (f *File) Fault(path, format string, args ...any) {
	at := f.name
	if line := f.line(path); line > 0 {
		at += ":" + strconv.Itoa(line)
	}
	f.faults = append(f.faults, fmt.Errorf("%s: %w: %s: %s", at, ErrInvalid, path, fmt.Sprintf(format, args...)))
}

// Err joins the faults in the order in which they were noted; nil without any.
func (f *File) Err() error { return errors.Join(f.faults...) }

var pathPart = regexp.MustCompile(`[^.\[\]]+`)

// line is where the value of a path begins, or the nearest thing around it that is there.
func (f *File) line(path string) int {
	node := f.root
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, part := range pathPart.FindAllString(path, -1) {
		next := child(node, part)
		if next == nil {
			break
		}
		node = next
	}
	return node.Line
}

func child(node *yaml.Node, part string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == part {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i < len(node.Content) {
			return node.Content[i]
		}
	}
	return nil
}

// decodeError says each fault with its line, without the names of our types; root is the
// type that was read.
func decodeError(name string, err error, root reflect.Type) error {
	var faults *yaml.TypeError
	if !errors.As(err, &faults) {
		return fmt.Errorf("%s: %w: %s", name, ErrInvalid, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, fault := range faults.Errors {
		all = append(all, fmt.Errorf("%s: %w: %s", name, ErrInvalid, inWords(fault, root)))
	}
	return errors.Join(all...)
}
