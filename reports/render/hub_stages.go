package render

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/reports"
)

// hubStages is the table of a hub change's stages: what each changes against the one before.
func (p *page) hubStages(stages []reports.Stage) {
	if len(stages) == 0 {
		return
	}
	counts := make([]reports.Counts, len(stages))
	for i := range stages {
		counts[i] = stages[i].Workloads
	}
	classes := present(counts...)
	t := newTable(flex("stage", 32), left("when"), right("clusters")).classes(classes)
	t.columns = append(t.columns, flex("bites in", 16))
	for i := range stages {
		s := &stages[i]
		row := append([]string{fmt.Sprintf("%d. %s", s.Number, s.Name), strings.TrimSuffix(stageWhen(s.At, s.Needs), " at the earliest"), number(len(s.Clusters))}, cells(s.Workloads, classes)...)
		t.row(append(row, bitesIn(s, planNames))...)
	}
	p.heading("Stages (workloads, each against the stage before)")
	p.table(t, p.limit(planStages), func(n int) string { return count(n, "more stage") })
	for i := range stages {
		if s := &stages[i]; len(s.NotCaptured) > 0 {
			p.write("  ")
			p.wrapped(p.dim, notJudged(s, p.limit(planNames)), "    ")
		}
	}
}

// bitesIn is where a stage newly denies workloads.
func bitesIn(s *reports.Stage, most int) string {
	if len(s.Bites) == 0 {
		return "·"
	}
	return someOf(s.Bites, most)
}

func notJudged(s *reports.Stage, most int) string {
	return fmt.Sprintf("stage %d was not judged %s, which the capture does not hold", s.Number, onClusters(s.NotCaptured, -1, most))
}

func mdHubStages(stages []reports.Stage) *section {
	counts := make([]reports.Counts, len(stages))
	for i := range stages {
		counts[i] = stages[i].Workloads
	}
	classes := present(counts...)
	head := strings.Replace(mdHead(classes, "stage", "when", "of", "bites in"), "| of |", "| clusters |", 1)
	s := &section{head: "\n### Stages (workloads, each against the stage before)\n\n" + head, limit: 8000}
	s.list(len(stages), planStages, func(i int) string {
		x := &stages[i]
		where := mdSentence(bitesIn(x, planNames))
		if len(x.NotCaptured) > 0 {
			where += "<br>not judged " + mdSentence(onClusters(x.NotCaptured, -1, planNames))
		}
		row := []string{fmt.Sprintf("%d. %s", x.Number, mdName(x.Name)), mdText(stageWhen(x.At, x.Needs)), number(len(x.Clusters)), where}
		if len(classes) > 0 {
			row = append(row, mdCounts(x.Workloads, classes))
		}
		return mdRow(row...)
	}, func(i int) string { return mdRest(count(len(stages)-i, "more stage")) })
	return s
}
