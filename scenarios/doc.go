// Package scenarios is the files that say what a rehearsal does: [Scenario], and
// [Fleet] for the clusters alone. [LoadScenario] and [LoadFleet] read them
// strictly: an unknown field or an impossible value is an error that names file
// and line, and every fault of a file is reported at once.
//
// [Library] holds the scenarios that ship with seatrial. They name no capture and
// no policies; the command line gives those.
package scenarios

import (
	"embed"

	"github.com/seatrial/seatrial/simulator/strict"
)

// Library holds the scenarios that ship with seatrial, as library/*.yaml.
//
//go:embed library/*.yaml
var Library embed.FS

// APIVersion is the version of the files of this package.
const APIVersion = strict.APIVersion
