package cli

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seatrial/seatrial/simulator/registry/registrytest"
)

// registryOf makes the command of scripts that runs an image registry.
//
//	registry FILE…   starts it with web:signed and web:unsigned, and puts its address and
//	                 the key in the place of $REGISTRY and $KEY in the files
//	registry stop    stops it
func registryOf(t *testing.T) func(*testscript.TestScript, bool, []string) {
	running := map[string]*registrytest.Registry{} // by the script's folder
	return func(ts *testscript.TestScript, neg bool, args []string) {
		dir := ts.Getenv("WORK")
		switch {
		case neg || len(args) == 0:
			ts.Fatalf("usage: registry FILE… or registry stop")
		case args[0] == "stop":
			running[dir].Stop()
			return
		}
		r := registrytest.Start(script{ts, t})
		running[dir] = r
		key, public := registrytest.Key(script{ts, t})
		r.Sign("web", r.Push("web:signed"), key)
		r.Push("web:unsigned")
		ts.Setenv("REGISTRY", r.Host)
		put := strings.NewReplacer("$REGISTRY", r.Host, "$KEY", strconv.Quote(public))
		for _, name := range args {
			if err := os.WriteFile(ts.MkAbs(name), []byte(put.Replace(ts.ReadFile(name))), 0o644); err != nil {
				ts.Fatalf("registry: %v", err)
			}
		}
	}
}

// script is a script as a test.
type script struct {
	*testscript.TestScript
	t *testing.T
}

func (s script) Helper()           {}
func (s script) Fatal(args ...any) { s.Fatalf("%v", args) }
func (s script) Cleanup(f func())  { s.t.Cleanup(f) }
