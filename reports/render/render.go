// Package render lays out a [reports.Report], one file a format. Renderers never count,
// sort or decide; an unknown format is an error that lists the known ones.
package render
