package strict

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

var (
	otherType = regexp.MustCompile("^(line [0-9]+): cannot unmarshal !!([a-z]+)(?: `(.*)`)? into (.+)$")
	written   = map[string]string{"seq": "a list", "map": "fields"}
	types     = map[string]string{
		"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number", "bool": "true or false", "string": "text",
		"[]string": "a list", "map[string]string": "names with values", "map[string]bool": "names, each true or false",
	}
)

// inWords says a fault of the YAML reader without Go's types, and which fields there are
// when one is unknown.
func inWords(fault string, root reflect.Type) string {
	fault, name, unknown := strings.Cut(fault, " in type ")
	if unknown {
		fault += " (known: " + strings.Join(fields(root, name), ", ") + ")"
	}
	if m := otherType.FindStringSubmatch(fault); m != nil {
		fault = fmt.Sprintf("%s: %s, want %s", m[1], cmp.Or(m[3], written[m[2]]), wanted(root, m[4]))
	}
	return fault
}

// wanted says in words what belongs where a value of the Go type is read.
func wanted(root reflect.Type, name string) string {
	if words := types[strings.TrimPrefix(name, "*")]; words != "" {
		return words
	}
	if strings.HasPrefix(name, "map[") {
		return types["map[string]string"]
	}
	if known := fields(root, name); known != nil {
		return "fields (" + strings.Join(known, ", ") + ")"
	}
	return "a list"
}

// fields are the fields, as written in a file, of the type of that name in root.
func fields(root reflect.Type, name string) (names []string) {
	switch root.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fields(root.Elem(), name)
	case reflect.Struct:
	default:
		return nil
	}
	for i := range root.NumField() {
		if root.String() == name {
			tag, _, _ := strings.Cut(root.Field(i).Tag.Get("yaml"), ",")
			names = append(names, tag)
		} else if names = fields(root.Field(i).Type, name); names != nil {
			return names
		}
	}
	return names
}
