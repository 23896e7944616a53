package schema

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Words are what the source says of its types and fields, and the constants of a type.
type Words struct {
	own           string            // the folder whose types win
	prefixes      map[string]string // of types' names, by the last part of their folder
	types, fields map[string]string
	values        map[string][]string
}

// ReadWords reads the Go files of the folders; tests are left out. Where two folders have
// a type of one name, the first folder's counts, unless prefixes, by the last part of a
// folder, tell them apart: with timeline: Rehearsal the type timeline.Cluster is called
// RehearsalCluster, and timeline.Timeline Rehearsal.
func ReadWords(prefixes map[string]string, folders ...string) (Words, error) {
	w := Words{folders[0], prefixes, map[string]string{}, map[string]string{}, map[string][]string{}}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return w, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return w, err
			}
			for _, decl := range file.Decls {
				if d, ok := decl.(*ast.GenDecl); ok {
					w.read(d, folder)
				}
			}
		}
	}
	return w, nil
}

// read takes a declaration in.
func (w Words) read(d *ast.GenDecl, folder string) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			w.constant(s, folder)
		case *ast.TypeSpec:
			fields, ok := s.Type.(*ast.StructType)
			called := w.nameOf(folder, s.Name.Name)
			if _, taken := w.types[called]; !ok || taken && folder != w.own {
				continue
			}
			w.types[called] = oneLine(d.Doc.Text())
			for _, f := range fields.Fields.List {
				for _, name := range f.Names {
					w.fields[called+"."+name.Name] = oneLine(f.Doc.Text() + " " + f.Comment.Text())
				}
			}
		}
	}
}

func (w Words) constant(s *ast.ValueSpec, folder string) {
	typ, ok := s.Type.(*ast.Ident)
	if !ok || len(s.Values) != 1 {
		return
	}
	literal, ok := s.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	value, err := strconv.Unquote(literal.Value)
	called := w.nameOf(folder, typ.Name)
	if err == nil && !slices.Contains(w.values[called], value) {
		w.values[called] = append(w.values[called], value)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
