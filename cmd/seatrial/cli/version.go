package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/replay/kyverno"
)

// version is set by the linker for releases: -X …/cli.version=v0.1.0.
var version = ""

func tool() reports.Tool {
	return reports.Tool{Name: "seatrial", Version: toolVersion(), Kyverno: kyverno.Version}
}

func toolVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func newVersion(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of seatrial, its engine and its formats",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(env.Stdout, "seatrial %s\nkyverno engine %s\ncapture format %d, report schema %d\n%s %s/%s\n",
				toolVersion(), kyverno.Version, capture.Version, reports.SchemaVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
