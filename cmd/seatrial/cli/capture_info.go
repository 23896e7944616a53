package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/policy"
)

func newCaptureInfo(env Env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "info FILE",
		Short: "Say what a capture holds: clusters, records, completeness, policies",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return malformed(fmt.Errorf("unknown format %q", format), "known formats: text, json")
			}
			info, err := capture.Describe(args[0], policy.IsPolicyKind)
			if err != nil {
				return malformed(err, "")
			}
			if format == "json" {
				encoder := json.NewEncoder(env.Stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(info)
			}
			printInfo(env.Stdout, info)
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

func printInfo(w io.Writer, info *capture.Info) {
	fmt.Fprintf(w, "%s: format version %d, %d records, %s (%s uncompressed)\n", info.Path, info.Version, info.Records, size(info.SizeBytes), size(info.PlainBytes))
	fmt.Fprintf(w, "digest %s\n", info.Digest)
	for i := range info.Clusters {
		printCluster(w, &info.Clusters[i])
	}
	if len(info.Skipped) > 0 {
		fmt.Fprintf(w, "\nskipped %d pieces that could not be read:\n", len(info.Skipped))
		for _, s := range info.Skipped {
			where := s.Place()
			if len(info.Clusters) > 1 {
				where = s.Cluster + ": " + where
			}
			fmt.Fprintf(w, "  %s: %s\n", where, s.Reason)
		}
	}
}

func printCluster(w io.Writer, c *capture.ClusterInfo) {
	fmt.Fprintf(w, "\ncluster %s (from %s", c.Name, c.Source)
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		fmt.Fprintf(w, ", %s=%s", key, c.Labels[key])
	}
	fmt.Fprintf(w, "): %d records\n", c.Records)
	if c.From != nil {
		fmt.Fprintf(w, "  recorded    %s to %s\n", c.From.Format(time.RFC3339), c.To.Format(time.RFC3339))
	}
	fmt.Fprintf(w, "  complete    %d of %d", c.Whole, c.Records)
	for _, part := range slices.Sorted(maps.Keys(c.Missing)) {
		fmt.Fprintf(w, "; %d without %s", c.Missing[part], part)
	}
	fmt.Fprintf(w, "\n  marked      %d live, %d dry run, %d refused or failed, %d redacted, %d duplicates\n", c.Live, c.DryRun, c.Failed, c.Redacted, c.Duplicates)
	if c.Unplaced > 0 {
		fmt.Fprintf(w, "  unplaced    %s no namespace and went to default\n", counted(c.Unplaced, "namespaced object names", "namespaced objects name"))
	}
	world := "only what is listed is known; other look-ups are undecided"
	if len(c.Listed) > 0 {
		world = fmt.Sprintf("complete for %d resources; other look-ups are undecided", len(c.Listed))
	}
	for _, l := range c.Named {
		world += "; of " + l.Resource + " the metadata and types"
	}
	if c.Complete {
		world = "complete: what is not listed does not exist"
	}
	fmt.Fprintf(w, "  world       %s\n", world)
	for _, kind := range slices.Sorted(maps.Keys(c.World)) {
		fmt.Fprintf(w, "    %6d %s\n", c.World[kind], kind)
	}
	fmt.Fprintf(w, "  policies    %d installed\n", len(c.Policies))
	for _, name := range c.Policies {
		fmt.Fprintf(w, "    %s\n", name)
	}
	printRegistries(w, c.Registries)
	fmt.Fprintf(w, "  records\n")
	for _, k := range c.Kinds {
		name := k.Kind
		if k.SubResource != "" {
			name += "/" + k.SubResource
		}
		fmt.Fprintf(w, "    %6d %-8s %s %s\n", k.Records, k.Operation, k.APIVersion, strings.TrimSpace(name))
	}
}

// printRegistries says what image registries answered.
func printRegistries(w io.Writer, r *capture.RegistryInfo) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "  registries  %d answers of %s, %s, fetched %s", r.Answers, strings.Join(r.Hosts, ", "), size(r.Bytes), r.From.Format(time.RFC3339))
	if !r.To.Equal(r.From) {
		fmt.Fprintf(w, " to %s", r.To.Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	for _, url := range slices.Sorted(maps.Keys(r.Failures)) {
		fmt.Fprintf(w, "    not answered: %s: %s\n", url, r.Failures[url])
	}
}

// size writes bytes in powers of 1024.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
