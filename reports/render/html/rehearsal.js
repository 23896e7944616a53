// What happened on real clusters: tables and lists around the picture.

const ms = (ns) => { const v = ns / 1e6; return v < 1 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : number(Math.round(v)); };
const against = (a, b) => el("td.num", null, a ? ms(a) : "·", a && b ? el("span.dim", null, ` (${ms(b)})`) : null);
const num = (n, cls) => (n ? el("td.num" + (cls ? ".hot" : ""), cls ? tint(cls) : null, number(n)) : el("td.num.zero", null, "·"));
const part = (title, ...children) => [el("h3.part", null, title), ...children];
const items = (list, cls, build) => el("ul.items", null, list.map((x) => el("li", tint(cls), build(x))));
const lead = (...parts) => parts.filter(Boolean).join(": ");

function completeTimeline(t) {
  for (const key of ["clusters", "stages", "rollback", "fleet", "steps"]) t[key] ||= [];
  for (const s of t.stages) for (const key of ["clusters", "changes", "gate", "traffic"]) s[key] ||= [];
  t.fidelity.misses ||= [];
  t.stages.forEach((s, i) => { s.index = i; });
}

function drawRehearsal() {
  if (!rehearsal) return;
  const t = rehearsal;
  completeTimeline(t);
  const title = `Rehearsal: ${brief(t.scenario)} on ${count(t.clusters.length, (t.provider ? t.provider + " " : "") + "cluster")}: ${t.outcome}`;
  section("rehearsal", title, undefined,
    el("p.hint.data", null, `Took ${took(t.took)} from ${when(t.started)}, seed ${t.seed}. `, outcomePill(t.outcome)),
    t.error && items([t.error], "error", (x) => long(x, "div.data")),
    gantt(), expectedList(), fidelityBox(), hubBox(), gateList(), failureList(), deniedList(), waysBack(), fleetMatrix(), trafficTables(), clusterTable(), stepTable());
  keepDrawn(document.querySelector(".gantt"));
}

function fidelityBox() {
  const f = rehearsal.fidelity;
  const good = f.compared > 0 && f.agreed === f.compared;
  const cls = good ? "resolved" : f.compared ? "newly-denied" : "undecided";
  return part("Fidelity", el("div.box", tint(cls), el("p.data", null, rundown.fidelity),
    f.misses.length > 0 && fold(count(f.misses.length, "live answer") + " unlike the prediction", () => items(f.misses, cls, (m) => [
      el("div.data", null, el("b", null, m.request), el("span.dim", null, ` cluster ${m.cluster}, stage ${m.stage}`)),
      el("div.data", null, "predicted ", el("b", null, m.predicted), el("span.arrow", null, "→"), "live ", el("b", null, m.live)),
      m.why && long(m.why, "pre")]), f.misses.length <= 20)));
}

function expectedList() {
  const list = rehearsal.expected || [];
  return list.length > 0 && part("Expected", el("ul.items", null, list.map((e) => el("li", tint(e.holds ? "resolved" : "newly-denied"),
    el("div.data", null, e.holds ? "✓ " : "✗ ", el("b", null, e.what), el("span.dim", null, `: found ${e.found}`))))));
}

// hubBox is how the policies came: who carried them, what arrived otherwise than planned,
// staged runs and faults.
function hubBox() {
  const h = rehearsal.hub;
  if (!h) return false;
  const good = h.agreed === h.compared, differences = h.differences || [];
  return part("The hub", el("div.box", tint(good ? "resolved" : "newly-denied"),
    el("p.data", null, `${h.distributor}, ${h.objects}${h.from ? " after " + h.from : ""}, driver ${h.driver}: ${number(h.agreed)} of ${count(h.compared, "object")} on members are as planned`),
    differences.length > 0 && items(differences, "newly-denied", (d) => [
      el("div.data", null, el("b", null, d.object), el("span.dim", null, ` cluster ${d.cluster}, ${d.stage}`)),
      el("div.data", null, "planned ", el("b", null, d.planned), el("span.arrow", null, "→"), "found ", el("b", null, d.live))]),
    (h.runs || []).map((r) => el("p.data", null, lead(`run ${r.name} of ${r.placement}`, r.state, r.message))),
    (rehearsal.faults || []).map((f) => el("p.data", null, `fault after ${took(f.at)}, ${f.stage}: ${f.what}${f.clusters ? " on " + f.clusters.join(", ") : ""}${f.took >= 0 ? ", for " + took(f.took) : ""}${f.error ? ": " + f.error : ""}`)),
    (h.warnings || []).length > 0 && fold(count(h.warnings.length, "warning") + " of the plan", () => items(h.warnings, "undecided", (w) => long(w, "div.data")), h.warnings.length <= 5)));
}

function gateList() {
  const gated = rehearsal.stages.filter((s) => s.gate.length);
  const check = (c) => el("div.check.data" + (c.outcome === "passed" ? ".dim" : ""), null, c.outcome === "passed" ? "✓ " : el("b", { "--class": outcomeColor(c.outcome) }, "✗ "),
    `${c.what}: ${c.found}`, el("span.dim", null, `, allowed ${c.allowed}`), c.outcome !== "passed" && [" ", outcomePill(c.outcome)], c.note && el("div.dim", null, c.note));
  return gated.length > 0 && part("Gates", el("ul.items", null, gated.map((s) => el("li.gate", { "--class": outcomeColor(s.outcome) },
    el("div.head", null, el("b.data", null, s.name), outcomePill(s.outcome)), el("div.checks", null, s.gate.map(check)), s.note && el("div.dim.data", null, s.note)))));
}

function failureList() {
  return rundown.failures.length > 0 && part("Steps that failed", items(rundown.failures, "error", (f) => [el("div.data", null, el("b", null, lead(f.stage, f.cluster, f.what))), long(f.error, "div.data")]));
}

function deniedList() {
  return rundown.denied.length > 0 && part("Denied on the clusters", items(rundown.denied, "newly-denied", (d) => [
    el("div.data", null, el("b", null, d.policy), ` ${count(d.count, "request")} on ${count(d.clusters, "cluster")}, first ${d.sample}`), d.message && long(d.message, "pre.said")]));
}

// waysBack are bars: dark until half of the clusters are back, light until the last is.
function waysBack() {
  if (!rundown.ways.length) return false;
  const longest = Math.max(...rundown.ways.map((w) => w.max), 1);
  const share = (ns) => Math.max(0, Math.min(100, (100 * ns) / longest)) + "%";
  const rows = rundown.ways.map((w, i) => {
    const each = w.each.map((r) => `${r.cluster}${r.stage ? " (undid " + r.stage + ")" : ""}: ${r.error ? "did not work: " + r.error : took(r.took)}`);
    const dots = rehearsal.clusters.length <= fewClusters ? w.each.filter((r) => !r.error).map((r) => el("i", { "--at": share(r.took), title: `${r.cluster}: ${took(r.took)}` })) : [];
    return el("li.way" + (w.worked < w.each.length ? ".broken" : ""), null,
      el("div.head", null, el("b.data", null, `${i + 1}. ${w.words}`), el("span", null, w.worked ? `${took(w.p50)}, at most ${took(w.max)}` : "did not work", w.worked < w.each.length && el("span.pill", tint("error"), `worked ${w.worked} of ${w.each.length}`))),
      el("div.track", { title: each.slice(0, 40).join("\n") }, el("span.max", { "--at": share(w.max) }), el("span.p50", { "--at": share(w.p50) }), dots),
      el("p.dim.data", null, [w.requests ? count(w.requests, "request") + " denied meanwhile" : "", ...w.notes].filter(Boolean).join("; ")),
      w.each.length > 0 && fold("each cluster", () => el("ul.plain", null, each.map((e) => el("li.data", null, e)))));
  });
  return part("Ways back, by the time to the first admitted request", el("p.hint", null, "Dark until half of the clusters were back, light until the last was."), el("ol.ways", null, rows));
}

const modeWords = { Audit: "A", Enforce: "E", "": "on" };
function fleetMatrix() {
  const m = rundown.matrix;
  if (!m.rows.length) return false;
  const rows = m.rows.map((row) => el("tr", null, el("th.data", { scope: "row" }, row.policy), row.cells.map((c, i) => {
    if (!c) return el("td.none", { title: `${row.policy} is not on ${m.clusters[i]}` }, "·");
    const look = Object.hasOwn(modeWords, c.mode) ? (c.mode || "on").toLowerCase() : "on";
    return el(`td.${look}${c.ready ? "" : ".unready"}`, { title: `${row.policy} on ${m.clusters[i]}: ${c.mode || "no mode"}, version ${c.version}, ${c.ready ? "ready" : "not ready"}${c.snapshot ? `, of ${c.snapshot}` : ""}${c.stage ? `, came in ${c.stage}` : ""}${c.stale ? `; ${c.stale}` : ""}` },
      el("b", null, say(modeWords, c.mode)), el("span.mono", null, c.version), c.ready ? "" : el("span.not", null, "✗"));
  })));
  const node = table(["policy", ...m.clusters.map((c) => el("th.cluster.data", { scope: "col", title: c }, c))], rows);
  node.firstChild.classList.add("matrix");
  return part("The fleet at the end", el("p.hint", null, "E enforces, A audits, on has no mode; then the version; ✗ is not ready, · is not there."), node);
}

function trafficTables() {
  const heads = ["sent", "admitted", "denied", "errors", "rate", "p50", "p95", "p99"].map((h) => ({ num: h }));
  const cells = (x) => [num(x.sent), num(x.admitted), num(x.denied, "newly-denied"), num(x.errors, "error"), el("td.num", null, x.rate.toFixed(1)),
    against(x.latency.p50, x.without.p50), against(x.latency.p95, x.without.p95), against(x.latency.p99, x.without.p99)];
  if (!rundown.traffic.length) return false;
  return part("Traffic", el("p.hint", null, "Rate in requests a second, p50 to p99 in milliseconds, of the stage that answered slowest; in brackets the same requests before the rollout."),
    table(["cluster", ...heads], rundown.traffic.map((x) => el("tr", null, el("td.data", null, x.cluster), cells(x)))),
    fold("each stage", () => table(["stage", "cluster", ...heads], rehearsal.stages.flatMap((s) => s.traffic.map((x) => el("tr", null, el("td.data", null, s.name), el("td.data", null, x.cluster), cells(x)))))));
}

function clusterTable() {
  const rows = rehearsal.clusters.map((c) => el("tr", null, el("td.data", null, c.name, el("div.dim", null, Object.entries(c.labels || {}).map(([k, v]) => k + "=" + v).join(", "))),
    el("td.data", null, c.version), el("td.num", null, took(c.ready)), num(c.objects),
    el("td.data", null, (c.refused || []).map((r) => el("div", null, `${number(r.count)} not taken: ${r.reason}${r.sample ? ", first " + r.sample : ""}`)))));
  return rows.length > 0 && fold("Clusters: version, time to ready, objects", () => table(["cluster", "Kubernetes", { num: "ready after" }, { num: "objects" }, ""], rows));
}

const mostSteps = 5000;
function stepTable() {
  const steps = rehearsal.steps;
  return steps.length > 0 && fold("All " + count(steps.length, "step"), () => [table([{ num: "at" }, { num: "took" }, "stage", "cluster", "what"], steps.slice(0, mostSteps).map((s) =>
    el("tr", null, el("td.num", null, took(s.at)), el("td.num", null, took(s.took)), el("td.data", null, s.stage || ""), el("td.data", null, s.cluster || ""), el("td.data", null, s.what, s.error && el("div", tint("error"), pill("error", "failed"), " ", s.error))))),
    steps.length > mostSteps && el("p.hint", null, `… and ${number(steps.length - mostSteps)} more; the json report has them all`)]);
}
