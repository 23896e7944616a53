package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// What cobra says of a command line that it does not understand.
var (
	unknownCommand = regexp.MustCompile(`^unknown command "(.*)" for "seatrial(?: (.*))?"`)
	unknownFlag    = regexp.MustCompile(`^unknown (?:shorthand )?flag: `)
	exclusiveFlags = regexp.MustCompile(`^if any flags in the group \[(.*)\] are set none of the others can be`)
	oneOfFlags     = regexp.MustCompile(`^at least one of the flags in the group \[(.*)\] is required$`)
)

// misused says an error of cobra's about a command line in our words, with what to do.
func misused(root *cobra.Command, args []string, err error) *exitError {
	text := err.Error()
	verb, _, _ := root.Find(args) // its error is err again
	help := verb.CommandPath() + " --help lists the flags"
	if m := unknownCommand.FindStringSubmatch(text); m != nil {
		what := "seatrial has no verb"
		if m[2] != "" {
			what = m[2] + " takes no argument"
		}
		return &exitError{exitUsage, fmt.Errorf("%s %q", what, m[1]), argumentHint(root, verb, m[1], m[2])}
	}
	if m := exclusiveFlags.FindStringSubmatch(text); m != nil {
		return &exitError{exitUsage, fmt.Errorf("%s exclude each other", flagNames(m[1], " and ")), "give one of them"}
	}
	if m := oneOfFlags.FindStringSubmatch(text); m != nil {
		return &exitError{exitUsage, fmt.Errorf("%s is missing", flagNames(m[1], " or ")), help}
	}
	if unknownFlag.MatchString(text) || strings.HasPrefix(text, "required flag(s)") {
		return &exitError{exitUsage, err, help}
	}
	return &exitError{code: exitUsage, err: err}
}

// argumentHint says what may have been meant by a word that nothing takes.
func argumentHint(root, verb *cobra.Command, word, of string) string {
	if of == "" {
		root.SuggestionsMinimumDistance = 2
		if near := root.SuggestionsFor(word); len(near) > 0 {
			return "did you mean " + strings.Join(near, ", ") + "?"
		}
		return "seatrial --help lists the verbs"
	}
	for _, flag := range []string{"hub", "candidate", "policies", "capture"} {
		if verb.Flags().Lookup(flag) != nil {
			return fmt.Sprintf("name it with a flag: --%s %q", flag, word)
		}
	}
	return verb.CommandPath() + " --help says how to ask"
}

// flagNames is "--hub and --policies" of "hub policies".
func flagNames(names, between string) string {
	list := strings.Fields(names)
	for i := range list {
		list[i] = "--" + list[i]
	}
	return strings.Join(list, between)
}
