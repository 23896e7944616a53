package cli

import (
	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/source"
)

func newCaptureVelero(env Env) *cobra.Command {
	var f captureFlags
	cmd := &cobra.Command{
		Use:   "velero -o FILE [--cluster NAME] BACKUP…",
		Short: "Capture backups of Velero: what velero backup download gives, or the same unpacked",
		Example: "  velero backup download nightly -o nightly.tar.gz\n" +
			"  seatrial capture velero -o nightly.capture --cluster production nightly.tar.gz",
		Args: cobra.MinimumNArgs(1),
	}
	f.register(cmd)
	f.gives = "give backups that hold objects: velero backup describe --details lists what is in one"
	cmd.RunE = func(cmd *cobra.Command, backups []string) error {
		return f.render(cmd, env, "backups", func(w *capture.Writer, c capture.Cluster) (source.Summary, error) {
			return source.Velero(cmd.Context(), w, c, backups, f.strict)
		})
	}
	return cmd
}
