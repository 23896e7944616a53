package render_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatrial/seatrial/reports"
	"github.com/seatrial/seatrial/reports/render"
	"github.com/seatrial/seatrial/simulator/verdict"
)

var (
	update = flag.Bool("update", false, "rewrite testdata/golden and the schema")
	keep   = flag.String("keep", "", "folder to leave html reports in, to look at")
)

// fixtures are the reports of testdata: small has every class and bite, clear nothing to
// tell, partial gaps of every kind, hostile somebody's attempts; rehearsed is small with a
// rehearsal that was rolled back, alone a rehearsal only, which failed.
func fixtures() []string {
	return []string{"small", "clear", "partial", "hostile", "rehearsed", "alone"}
}

func fixture(t testing.TB, name string) *reports.Report {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := render.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hostileAndLarge is the hostile fixture with messages of 100 kB, which nobody should read
// in a file of testdata.
func hostileAndLarge(t testing.TB) *reports.Report {
	r := fixture(t, "hostile")
	large := strings.Repeat("é<b>&|`x`\u2028", 8000)
	r.Workloads[0].Findings[1].Message = large
	r.Rejected[0].Reason += large
	r.Workloads[0].Findings[0].After += strings.Repeat("x", 100_000)
	return r
}

func rendered(t testing.TB, format string, r *reports.Report, opt render.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := render.Render(&out, format, r, opt); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// fleet is a report of so many changed workloads in a made-up fleet: all of them newly
// denied, or mixed: some namespaces have other classes.
func fleet(t testing.TB, clusters, changed int, mixed bool) *reports.Report {
	r := fixture(t, "small")
	r.Unknowns, r.Skipped = r.Unknowns[:1], nil
	r.Clusters, r.Namespaces, r.Teams, r.Workloads = nil, nil, nil, nil
	r.Totals.ChangedWorkloads, r.Totals.ChangedRequests = reports.Counts{}, reports.Counts{}
	r.Totals.Workloads, r.Totals.Requests, r.Totals.OutOfScope = changed*9, changed*21, changed
	f := &fleetMaker{r: r, mixed: mixed, groups: map[string]*reports.Group{}, teams: map[string]*reports.Group{}}
	for i := range clusters {
		region := []string{"eu", "us", "ap"}[i%3]
		r.Clusters = append(r.Clusters, reports.Cluster{
			Name: fmt.Sprintf("prod-%s-%d", region, i/3+1), Labels: map[string]string{"env": "production", "region": region},
			ChangedRequests: reports.Counts{}, Workloads: reports.Counts{},
		})
	}
	for i := range r.Policies {
		r.Policies[i].Requests, r.Policies[i].Workloads = reports.Counts{}, reports.Counts{}
	}
	for i := range changed {
		f.workload(i)
	}
	f.finish()
	return r
}

type fleetMaker struct {
	r             *reports.Report
	mixed         bool
	groups, teams map[string]*reports.Group
}

func (f *fleetMaker) workload(i int) {
	classes := reports.Classes()
	namespaces := []string{"shop", "checkout", "search", "billing", "identity", "ml-training", "data-lake", "web", "edge", "observability", "batch", "support"}
	at := (i*7 + i/13) % len(namespaces)
	namespace := namespaces[at]
	class, policy := reports.NewlyDenied, &f.r.Policies[i%2]
	if f.mixed && (at > 4 || i%5 == 4) {
		class, policy = classes[1+at%(len(classes)-1)], &f.r.Policies[at%len(f.r.Policies)]
	}
	cluster := &f.r.Clusters[i*i%97%len(f.r.Clusters)]
	if i > 500 {
		namespace += fmt.Sprintf("-%d", i%6)
	}
	team := []string{"checkout", "platform", "search", "data", "web", ""}[(i/3)%6]
	kind := []string{"Deployment", "StatefulSet", "CronJob", "DaemonSet", "Pod"}[i%11%5]
	w := reports.Workload{Cluster: cluster.Name, Namespace: namespace, Kind: kind, Name: fmt.Sprintf("%s-%s-%d", []string{"cart", "api", "worker", "index", "gateway", "ledger"}[i%6], namespace, i), Team: team, Requests: reports.Counts{class: 1 + i%4}}
	finding := reports.Finding{
		Class: class, Policy: policy.Ref, Rule: "autogen-validate-registries", Requests: 1 + i%4, Subject: kind + "/" + namespace + "/" + w.Name,
		Before: "pass", After: "fail (Enforce)",
		Message: fmt.Sprintf("validation error: images must come from registry.shop.example, docker.io/shop/%s:1.%d does not. rule failed at path /spec/template/spec/containers/0/image/", w.Name, i%40),
	}
	if class == reports.NewlyDenied {
		finding.Bite = []reports.Bite{reports.NextRollout, reports.BitesNow, reports.NextRestart, reports.NextRollout, reports.NextChange}[i%5]
		w.Bites = []reports.Bite{finding.Bite}
		at := time.Date(2026, 11, 2, 6, i%60, 0, 0, time.UTC)
		w.First, w.Last = &at, &at
		w.Users = []string{"system:serviceaccount:argocd:argocd-application-controller"}
	}
	w.Findings = []reports.Finding{finding}
	if i < 1000 {
		w.Object = fmt.Sprintf("apiVersion: apps/v1\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n  template:\n    spec:\n      containers:\n        - image: docker.io/shop/%s:1.%d\n", kind, w.Name, namespace, w.Name, i%40)
	}
	f.r.Workloads = append(f.r.Workloads, w)
	f.group(f.groups, cluster.Name+"/"+namespace, reports.Group{Cluster: cluster.Name, Namespace: namespace}, class, w.Requests)
	f.group(f.teams, team, reports.Group{Team: team}, class, w.Requests)
	for _, pair := range [][2]reports.Counts{{f.r.Totals.ChangedWorkloads, f.r.Totals.ChangedRequests}, {cluster.Workloads, cluster.ChangedRequests}, {policy.Workloads, policy.Requests}} {
		pair[0][class]++
		pair[1][class] += w.Requests[class]
	}
	cluster.WorkloadsTotal += 9
	cluster.Requests += 21
}

func (f *fleetMaker) group(groups map[string]*reports.Group, key string, empty reports.Group, class reports.Class, requests reports.Counts) {
	g := groups[key]
	if g == nil {
		g = &empty
		g.Workloads, g.ChangedRequests = reports.Counts{}, reports.Counts{}
		groups[key] = g
	}
	g.Workloads[class]++
	g.ChangedRequests[class] += requests[class]
	g.WorkloadsTotal += 1 + len(key)*len(key)%7
}

func (f *fleetMaker) finish() {
	byDenied := func(a, b reports.Group) int {
		return b.Workloads[reports.NewlyDenied] - a.Workloads[reports.NewlyDenied]
	}
	for _, key := range slices.Sorted(maps.Keys(f.groups)) {
		f.r.Namespaces = append(f.r.Namespaces, *f.groups[key])
	}
	for _, key := range slices.Sorted(maps.Keys(f.teams)) {
		f.r.Teams = append(f.r.Teams, *f.teams[key])
	}
	slices.SortStableFunc(f.r.Namespaces, byDenied)
	slices.SortStableFunc(f.r.Teams, byDenied)
	slices.SortStableFunc(f.r.Workloads, func(a, b reports.Workload) int { return a.Findings[0].Class.Rank() - b.Findings[0].Class.Rank() })
	denied := f.r.Totals.ChangedWorkloads[reports.NewlyDenied]
	f.r.Budget[0].Found = fmt.Sprint(f.r.Totals.ChangedRequests[reports.NewlyDenied])
	f.r.Headline = fmt.Sprintf("%d workloads in %d namespaces of %d clusters would be newly denied: most at the next rollout", denied, len(f.r.Namespaces), len(f.r.Clusters))
	f.r.Totals.Candidate.Decisions[verdict.Denied] = f.r.Totals.ChangedRequests[reports.NewlyDenied]
}
