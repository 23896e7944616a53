package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// givenOnce has every flag that holds one value refuse a second one, which would replace
// the first in silence. Flags that collect values take as many as they are given.
func givenOnce(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, many := f.Value.(pflag.SliceValue); !many && f.Value.Type() != "stringToString" {
			f.Value = &once{Value: f.Value}
		}
	})
	for _, c := range cmd.Commands() {
		givenOnce(c)
	}
}

// once is a flag's value that is set at most once.
type once struct {
	pflag.Value
	set bool
}

func (o *once) Set(s string) error {
	if o.set {
		return errors.New("the flag is given twice")
	}
	o.set = true
	return o.Value.Set(s)
}
