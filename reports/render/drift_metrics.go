package render

import (
	"io"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/simulator/drift"
)

// driftGauges is an OpenMetrics text under construction: a family at a time.
type driftGauges struct {
	out  strings.Builder
	name string
}

// family begins a gauge.
func (m *driftGauges) family(name, help string) {
	m.name = "seatrial_drift_" + name
	if strings.HasSuffix(name, "_seconds") {
		m.out.WriteString("# TYPE " + m.name + " gauge\n# UNIT " + m.name + " seconds\n# HELP " + m.name + " " + help + "\n")
		return
	}
	m.out.WriteString("# TYPE " + m.name + " gauge\n# HELP " + m.name + " " + help + "\n")
}

var driftEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// add writes one value; labels are name, value, name, value.
func (m *driftGauges) add(value string, labels ...string) {
	m.out.WriteString(m.name)
	for i := 0; i+1 < len(labels); i += 2 {
		m.out.WriteByte("{,"[min(i, 1)])
		m.out.WriteString(labels[i] + `="` + driftEscapes.Replace(clean(labels[i+1])) + `"`)
	}
	if len(labels) > 0 {
		m.out.WriteByte('}')
	}
	m.out.WriteString(" " + value + "\n")
}

// driftMetrics writes the answer in OpenMetrics form. Every kind has a value in every
// captured cluster, so that an alert sees a 0 and not nothing.
func driftMetrics(w io.Writer, d *reports.Drift) error {
	m := &driftGauges{}
	m.family("within_budget", "1 when the findings are within the budget and everything could be compared.")
	m.add(driftFlag(d.Status == reports.WithinBudget))
	m.family("checked_timestamp_seconds", "The clock of the comparison.")
	m.add(strconv.FormatInt(d.Question.At.Unix(), 10))
	m.family("cluster_captured", "1 for a cluster of the fleet that is in the capture.")
	for i := range d.Clusters {
		m.add(driftFlag(d.Clusters[i].Captured), "cluster", d.Clusters[i].Name)
	}
	m.family("objects", "Policies and exceptions of a cluster, by state.")
	for i := range d.Clusters {
		c := &d.Clusters[i]
		m.add(strconv.Itoa(c.InSync), "cluster", c.Name, "state", string(drift.InSync))
		m.add(strconv.Itoa(c.NotEvaluated), "cluster", c.Name, "state", string(drift.NotEvaluated))
	}
	m.counts(d)
	m.details(d)
	m.exceptions(d)
	m.out.WriteString("# EOF\n")
	_, err := io.WriteString(w, m.out.String())
	return err
}

func driftFlag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (m *driftGauges) counts(d *reports.Drift) {
	found := map[string]map[drift.Kind]int{}
	for i := range d.Findings {
		for _, cluster := range d.Findings[i].Clusters {
			if found[cluster] == nil {
				found[cluster] = map[drift.Kind]int{}
			}
			found[cluster][d.Findings[i].Kind]++
		}
	}
	m.family("findings", "Findings of a cluster, by kind.")
	for i := range d.Clusters {
		if !d.Clusters[i].Captured {
			continue
		}
		for _, kind := range drift.Kinds() {
			m.add(strconv.Itoa(found[d.Clusters[i].Name][kind]), "cluster", d.Clusters[i].Name, "kind", string(kind))
		}
	}
	m.family("findings_allowed", "Findings that the budget allows in the fleet, by kind.")
	for _, l := range d.Budget {
		m.add(strconv.Itoa(l.Allowed), "kind", string(l.Kind))
	}
}

func driftLabels(cluster string, r *drift.Ref) []string {
	return []string{"cluster", cluster, "object_group", r.Group, "object_kind", r.Kind, "object_namespace", r.Namespace, "object_name", r.Name}
}

func (m *driftGauges) details(d *reports.Drift) {
	m.family("finding", "1 for each object of a cluster that differs, by kind of finding.")
	seen := map[string]bool{}
	for i := range d.Findings {
		f := &d.Findings[i]
		for _, cluster := range f.Clusters {
			labels := append([]string{"kind", string(f.Kind)}, driftLabels(cluster, &f.Object)...)
			if key := strings.Join(labels, "\x00"); !seen[key] {
				seen[key] = true
				m.add("1", labels...)
			}
		}
	}
}

func (m *driftGauges) exceptions(d *reports.Drift) {
	m.family("exception_expires_timestamp_seconds", "When an exception of a cluster should end.")
	m.uses(d, func(e *reports.DriftException, u *reports.DriftUse) string {
		if e.Until == nil {
			return ""
		}
		return strconv.FormatInt(e.Until.Unix(), 10)
	})
	m.family("exception_let_through_requests", "Requests of the capture that fail without the exception.")
	m.uses(d, func(_ *reports.DriftException, u *reports.DriftUse) string {
		if u.Uses == nil {
			return ""
		}
		return strconv.Itoa(u.Uses.LetThrough)
	})
}

// uses adds one value for each exception of each cluster; none where value is empty. Of an
// exception that a cluster has in no other way than another, the first counts.
func (m *driftGauges) uses(d *reports.Drift, value func(*reports.DriftException, *reports.DriftUse) string) {
	for i := range d.Exceptions {
		e := &d.Exceptions[i]
		for j := range e.Clusters {
			if v := value(e, &e.Clusters[j]); v != "" {
				m.add(v, append([]string{"origin", string(e.Origin)}, driftLabels(e.Clusters[j].Cluster, &e.Object)...)...)
			}
		}
	}
}
