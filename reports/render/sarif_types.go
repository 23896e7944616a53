package render

import (
	"net/url"
	"path"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// The part of SARIF 2.1.0 that we write. Field names and limits: OASIS Standard, 27 March 2020.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Name       string         `json:"name,omitempty"`
	Short      sarifText      `json:"shortDescription"`
	Properties map[string]any `json:"properties,omitempty"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	RuleID              string            `json:"ruleId"`
	RuleIndex           int               `json:"ruleIndex"`
	Level               string            `json:"level"`
	Message             sarifText         `json:"message"`
	Locations           []sarifLocation   `json:"locations"`
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	Properties          map[string]any    `json:"properties,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"` // from 1
}

type sarifLogical struct {
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// physical is a place in a file, nil without one. A relative path stays relative: readers
// take it from the repository's root.
func physical(file string, line int) *sarifPhysical {
	if file == "" {
		return nil
	}
	place := url.URL{Path: strings.TrimPrefix(file, "./")}
	if strings.HasPrefix(file, "/") {
		place.Scheme = "file"
	}
	p := &sarifPhysical{Artifact: sarifArtifact{URI: place.String()}}
	if line > 0 {
		p.Region = &sarifRegion{StartLine: line}
	}
	return p
}

// inRepository is the path of a set's file as its source names it: "policies" and "a.yaml"
// are "policies/a.yaml", whether policies is a folder or git:REV:policies. Sets that were
// captured have no files, and then there is no path.
func inRepository(s *reports.Set, file string) string {
	root := s.Source
	if rest, ok := strings.CutPrefix(root, "git:"); ok {
		_, root, _ = strings.Cut(rest, ":")
	}
	switch {
	case file == "" || root == "captured" || root == "none":
		return ""
	case path.Base(root) == file: // the set is one file
		return path.Clean(root)
	}
	return path.Join(root, file)
}

// notifications are what kept the answer from being whole.
func notifications(r *reports.Report) []sarifNotification {
	var out []sarifNotification
	for i := range r.Skipped {
		s := &r.Skipped[i]
		out = append(out, sarifNotification{
			Level: "warning", Message: sarifText{clean("skipped, could not be read (" + s.Where + "): " + cut(s.Reason, sarifMessage))},
			Locations: []sarifLocation{{Physical: physical(s.File, s.Line)}},
		})
	}
	for i := range r.Unknowns {
		u := &r.Unknowns[i]
		text := count(u.Requests, "request") + " undecided (" + u.Side + "): " + cut(u.Reason, sarifMessage)
		if u.Resolve != "" {
			text += "; " + cut(u.Resolve, sarifMessage)
		}
		out = append(out, sarifNotification{Level: "note", Message: sarifText{clean(text)}})
	}
	for _, note := range r.Notes {
		out = append(out, sarifNotification{Level: "note", Message: sarifText{clean(cut(note, sarifMessage))}})
	}
	return out
}
