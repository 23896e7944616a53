package source

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
)

// changing are the functions of templates that say something else each time.
var changing = []string{
	"randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "shuffle", "uuidv4", "now", "ago",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	"bcrypt", "htpasswd", "encryptAES",
}

var (
	action  = regexp.MustCompile(`(?s)\{\{-?(.*?)-?\}\}`)
	literal = regexp.MustCompile("(?s)^\\s*/\\*.*\\*/\\s*$|\"(\\\\.|[^\"\\\\])*\"|`[^`]*`")
	called  = regexp.MustCompile(`(?:^|[\s(|=])([A-Za-z0-9]+)`)
)

// note tells which templates do not render the same each time, or ask the cluster.
func (r *rendering) note() {
	uses := map[string][]string{} // by file
	collect(r.chart, uses)
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		functions := slices.DeleteFunc(slices.Clone(uses[name]), func(f string) bool { return f == "lookup" })
		if len(functions) > 0 {
			r.tell("%s uses %s: what it renders differs each time", r.file(name), strings.Join(functions, ", "))
		}
		if len(functions) < len(uses[name]) {
			r.tell("%s uses lookup, which finds nothing, as in helm template", r.file(name))
		}
	}
}

func (r *rendering) tell(format string, args ...any) {
	r.sum.Notes = append(r.sum.Notes, fmt.Sprintf(format, args...))
}

func collect(c *chart.Chart, uses map[string][]string) {
	for _, file := range c.Templates {
		if found := functionsOf(file.Data); len(found) > 0 {
			uses[path.Join(c.ChartFullPath(), file.Name)] = found
		}
	}
	for _, d := range c.Dependencies() {
		collect(d, uses)
	}
}

// functionsOf are the functions of a template that we tell of.
func functionsOf(template []byte) []string {
	found := map[string]bool{}
	for _, a := range action.FindAllSubmatch(template, -1) {
		for _, f := range called.FindAllSubmatch(literal.ReplaceAll(a[1], nil), -1) {
			if name := string(f[1]); name == "lookup" || slices.Contains(changing, name) {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
