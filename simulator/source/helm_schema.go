package source

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// check holds values to the schemas of a chart and of those that it depends on, as Helm does. But
// Helm fetches what a schema refers to: here such a schema is passed over, and that is told.
func (r *rendering) check(c *chart.Chart, values map[string]any) error {
	file := r.file(c.ChartFullPath() + "/values.schema.json")
	if c.Schema != nil {
		remote, err := checkSchema(c.Schema, values)
		switch {
		case remote != "":
			r.tell("values are not checked by %s: it refers to %s, and nothing is fetched", file, remote)
		case err != nil:
			return fmt.Errorf("values do not fit %s: %w", file, err)
		}
	}
	for _, d := range c.Dependencies() {
		var under map[string]any
		switch given := values[d.Name()].(type) {
		case map[string]any:
			under = given
		case chartutil.Values:
			under = given
		default:
			continue // there is nothing to check
		}
		if err := r.check(d, under); err != nil {
			return err
		}
	}
	return nil
}

// checkSchema holds values to one schema. remote is an address that it needs; empty for none.
func checkSchema(schema []byte, values map[string]any) (remote string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the schema cannot be used: %v", p)
		}
	}()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return "", err
	}
	away := remoteSchemas{}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(jsonschema.SchemeURLLoader{"file": jsonschema.FileLoader{}, "urn": anySchema{}, "http": &away, "https": &away})
	const name = "file:///values.schema.json"
	if err := compiler.AddResource(name, document); err != nil {
		return away.first, err
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return away.first, err
	}
	return "", tidy(compiled.Validate(values))
}

// tidy is what does not fit, without the name that the schema has here only.
func tidy(err error) error {
	if err == nil {
		return nil
	}
	_, rest, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s", strings.ReplaceAll(strings.TrimSpace(rest), "\n", "; "))
}

// remoteSchemas loads nothing, and keeps what it was asked for first.
type remoteSchemas struct{ first string }

// Load refuses.
func (r *remoteSchemas) Load(url string) (any, error) {
	if r.first == "" {
		r.first = url
	}
	return nil, ErrRemote
}

// anySchema takes a name for a schema that fits everything, as Helm does.
type anySchema struct{}

// Load makes such a schema.
func (anySchema) Load(string) (any, error) { return true, nil }
