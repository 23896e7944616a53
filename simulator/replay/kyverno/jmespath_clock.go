package kyverno

import (
	"cmp"
	"time"

	gojmespath "github.com/kyverno/go-jmespath"
)

// clocked gives the functions of JMESPath that read a clock another one: that of pods, which
// is in UTC.
func clocked(f gojmespath.FunctionEntry, at time.Time) gojmespath.FunctionEntry {
	own := f.Handler
	switch f.Name {
	case "time_now", "time_now_utc":
		f.Handler = func([]any) (any, error) { return at.UTC().Format(time.RFC3339), nil }
	case "time_since":
		f.Handler = func(arguments []any) (any, error) {
			layout, _ := arguments[0].(string)
			since, _ := arguments[1].(string)
			if until, ok := arguments[2].(string); !ok || until != "" {
				return own(arguments)
			}
			from, err := time.Parse(cmp.Or(layout, time.RFC3339), since)
			if err != nil {
				return nil, err
			}
			return at.Sub(from).String(), nil
		}
	}
	return f
}
