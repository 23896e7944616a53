// Package schema makes the JSON Schemas in docs from Go types, so that they cannot
// say anything else than the code. Only tests import it: each holds that a file in
// docs is what [Maker.File] returns, and rewrites it with -update.
//
// A type's doc comment becomes its description, a field's comment the field's, and
// the string constants of a type its enum ([ReadWords] reads them from the source).
// Fields are named by their json tags; one without omitempty is required.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"
)

// A Schema is the part of JSON Schema that our files need, in the order it is written.
type Schema struct {
	Schema        string             `json:"$schema,omitempty"`
	Comment       string             `json:"$comment,omitempty"`
	Ref           string             `json:"$ref,omitempty"`
	Title         string             `json:"title,omitempty"`
	Description   string             `json:"description,omitempty"`
	Type          any                `json:"type,omitempty"` // a name, or names
	Format        string             `json:"format,omitempty"`
	Pattern       string             `json:"pattern,omitempty"`
	Enum          []string           `json:"enum,omitempty"`
	Minimum       *int               `json:"minimum,omitempty"`
	MinItems      int                `json:"minItems,omitempty"`
	PropertyNames *Schema            `json:"propertyNames,omitempty"`
	Additional    any                `json:"additionalProperties,omitempty"` // a *Schema, or false
	Items         *Schema            `json:"items,omitempty"`
	Required      []string           `json:"required,omitempty"`
	Properties    properties         `json:"properties,omitempty"`
	Defs          map[string]*Schema `json:"$defs,omitempty"`
}

type property struct {
	name  string
	value *Schema
}

// properties keep the order of the struct's fields.
type properties []property

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, field := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(field.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", field.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// A Maker makes one schema.
type Maker struct {
	Words Words
	// Closed makes a field that is not there an error.
	Closed bool
	// Types are written as given, whatever their Go type.
	Types map[reflect.Type]Schema
	// Refine, which may be nil, adds what the Go type does not say to the field
	// "Type.Field".
	Refine func(field string, s *Schema)

	defs map[string]*Schema
}

// File is the schema of a type as a file's content.
func (m *Maker) File(typ reflect.Type, title, comment string) ([]byte, error) {
	m.defs = map[string]*Schema{}
	root := m.object(typ)
	root.Schema, root.Title, root.Comment = "https://json-schema.org/draft/2020-12/schema", title, comment
	root.Defs = m.defs
	content, err := json.MarshalIndent(root, "", "  ")
	return append(content, '\n'), err
}

func (m *Maker) object(typ reflect.Type) *Schema {
	called := m.Words.nameOf(typ.PkgPath(), typ.Name())
	s := &Schema{Description: m.Words.types[called], Type: "object"}
	if m.Closed {
		s.Additional = false
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := m.of(field.Type)
		value.Description = m.Words.fields[called+"."+field.Name]
		if m.Refine != nil {
			m.Refine(called+"."+field.Name, value)
		}
		s.Properties = append(s.Properties, property{name, value})
		if !strings.Contains(options, "omit") {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

func (m *Maker) of(typ reflect.Type) *Schema {
	if s, ok := m.Types[typ]; ok {
		return &s
	}
	switch {
	case typ.Kind() == reflect.Pointer:
		return m.of(typ.Elem())
	case typ == reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case typ == reflect.TypeFor[json.RawMessage]():
		return &Schema{}
	}
	switch typ.Kind() {
	case reflect.String:
		return &Schema{Type: "string", Enum: m.Words.values[m.Words.nameOf(typ.PkgPath(), typ.Name())]}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Slice:
		return &Schema{Type: "array", Items: m.of(typ.Elem())}
	case reflect.Map: // a nil map is written as null
		s := &Schema{Type: []string{"object", "null"}, Additional: m.of(typ.Elem())}
		if names := m.Words.values[typ.Key().Name()]; names != nil {
			s.PropertyNames = &Schema{Enum: names}
		}
		return s
	case reflect.Struct:
		called := m.Words.nameOf(typ.PkgPath(), typ.Name())
		if _, ok := m.defs[called]; !ok {
			m.defs[called] = nil // a type that holds itself is read once
			m.defs[called] = m.object(typ)
		}
		return &Schema{Ref: "#/$defs/" + called}
	}
	panic("no schema for " + typ.String())
}

// nameOf is a type's name in the schema: its own, or with the prefix of its package.
func (w Words) nameOf(folder, name string) string {
	prefix, ok := w.prefixes[path.Base(folder)]
	if ok && strings.EqualFold(path.Base(folder), name) {
		return prefix
	}
	return prefix + name
}
