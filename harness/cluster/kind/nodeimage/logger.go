package nodeimage

import (
	"errors"
	"fmt"
	"strings"

	kindexec "sigs.k8s.io/kind/pkg/exec"
	"sigs.k8s.io/kind/pkg/log"
)

// logger gives what kind says to one function, warnings and details left out.
type logger struct {
	say func(format string, args ...any)
}

func (l logger) Warn(string)           {}
func (l logger) Warnf(string, ...any)  {}
func (l logger) Error(string)          {}
func (l logger) Errorf(string, ...any) {}
func (l logger) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return l
}
func (l logger) Info(s string)            { l.say("kind: %s", strings.TrimSpace(s)) }
func (l logger) Infof(f string, a ...any) { l.Info(fmt.Sprintf(f, a...)) }
func (l logger) Enabled() bool            { return true }

// explain adds what a command said that kind ran.
func explain(err error) error {
	var failed *kindexec.RunError
	if errors.As(err, &failed) {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Output)))
	}
	return err
}
