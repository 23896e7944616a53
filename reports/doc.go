// Package reports turns the blast radius of a replay into one value, [Report]: sorted,
// counted, and with a schema version. Build decides everything that a reader will see;
// the renderers in reports/render only lay it out, each from the JSON form's fields, so
// that no picture shows what the machine form lacks.
package reports
