package cli

import (
	"errors"
	"strconv"

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
	return plainly(o.Value.Set(s), o.Value.Type())
}

// plainly says of a value that does not parse what is wrong with it, in the words of a user.
func plainly(err error, kind string) error {
	var fault *strconv.NumError
	switch {
	case !errors.As(err, &fault):
		return err
	case errors.Is(err, strconv.ErrRange):
		return errors.New("the number is too large")
	case kind == "bool":
		return errors.New("want true or false")
	case kind == "float64":
		return errors.New("it is no number")
	}
	return errors.New("it is no whole number")
}
