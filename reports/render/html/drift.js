// The rest of the page, and its start.

function drawAsked() {
  const q = drift.question;
  const rows = [["Hub", q.hub.source + (q.hub.revision ? ` (${q.hub.revision.slice(0, 12)})` : "") + ", " + q.distributor], ["Fleet", q.fleet + ": " + count(drift.totals.clusters, "cluster")],
    ["Capture", `${q.capture.file}: ${count(q.capture.records, "record")}`], ["Clock", when(q.at)]];
  $("asked").append(...rows.map(([name, text]) => el("div", null, el("dt", null, name), el("dd", null, data(text)))));
}

function drawNumbers() {
  const tiles = drift.budget.filter((l) => l.found || l.exempt || l.allowed).map((l) => el("button.tile" + (l.found ? "" : ".none"),
    { ...tint(l.kind), type: "button", "aria-pressed": look.kind === l.kind ? "true" : "false", onclick: () => see({ kind: look.kind === l.kind ? "" : l.kind }) },
    el("b", null, number(l.found + (l.exempt || 0))), el("span.w", null, words(l.kind)),
    el("span.r", null, `${number(l.allowed)} allowed${l.exempt ? `, ${number(l.exempt)} exempt` : ""}${l.exceeded ? ": exceeded" : ""}`)));
  tiles.push(el("div.tile", tint("in-sync"), el("b", null, number(drift.totals.inSync)), el("span.w", null, "clusters in sync"), el("span.r", null, "of " + number(drift.totals.clusters))));
  if (drift.totals.notEvaluated) tiles.push(el("div.tile", tint("not-evaluated"), el("b", null, number(drift.totals.notEvaluated)), el("span.w", null, "not evaluated"), el("span.r", null, "never in sync")));
  $("tiles").replaceChildren(...tiles);
}

function drawFilters() {
  const option = (key, label, names, text) => el("label", null, label, el("select", { id: "f-" + key, onchange: (e) => see({ [key]: e.target.value }) },
    el("option", { value: "" }, "all"), names.map((n) => el("option", { value: n }, text(n)))));
  $("filters").append(
    el("label.q", null, "Search objects and findings", el("input", { id: "f-q", type: "search", oninput: (e) => see({ q: e.target.value }) })),
    option("kind", "Finding", Object.keys(states).filter((s) => drift.objects.some((o) => o.cells.some((c) => c.state === s || (c.kinds || []).includes(s)))), words),
    option("cluster", "Cluster", drift.clusters.map((c) => c.name), (n) => n),
    el("button", { type: "button", onclick: () => see({ q: "", kind: "", cluster: "" }) }, "Clear"));
  $("filters").addEventListener("submit", (e) => e.preventDefault());
}

function showFilters() {
  for (const key of Object.keys(look)) {
    const input = $("f-" + key);
    if (input.value !== look[key]) input.value = look[key];
    input.classList.toggle("on", look[key] !== "");
  }
}

function changes(list, said) {
  if (!list || !list.length) return null;
  return el("table.changes", null,
    el("thead", null, el("tr", null, ["field", "the hub intends", "installed"].map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", null, list.flatMap((d) => [
      el("tr", null, el("td", null, data(d.path)), el("td.was", null, long(value(d.intended), "span.data")), el("td.is", null, long(value(d.installed), "span.data"))),
      ...(d.why && d.why !== said ? [el("tr", null, el("td.why", { colspan: "3" }, data(d.why)))] : []),
    ])));
}

const findingSeen = (f) => (!look.kind || f.kind === look.kind) && f.clusters.some(clusterSeen) && has(`${refText(f.object)} ${f.text}`);

function drawFindings() {
  const seen = drift.findings.filter(findingSeen);
  $("found").textContent = seen.length === drift.findings.length ? count(seen.length, "finding") : `${number(seen.length)} of ${count(drift.findings.length, "finding")}`;
  $("list").replaceChildren(...seen.map((f) => el("li.drift", tint(f.kind),
    el("div.head", null, pill(f.kind), data(refText(f.object), "b.data")),
    el("div.clusters-in", null, "in ", data(f.clusters.join(", ")), f.exempt ? ` (${number(f.exempt.length)} exempt from the budget)` : ""),
    el("div", null, data(f.text)), changes(f.differences, f.text), f.fix ? el("div.do", null, data(f.fix)) : null)));
}

function useText(u) {
  if (!u) return "not known";
  let text = `applied to ${count(u.requests, "request")}`;
  if (u.requests) text += `, let ${number(u.letThrough)} through`;
  if (u.refused) text += `, ${number(u.refused)} of them refused without`;
  if (u.unknown) text += `; not known for ${number(u.unknown)}`;
  return text;
}

function exceptionRow(e) {
  const origins = { "hub": "the hub", "member": "the cluster's own", "left-behind": "left behind" };
  return el("tr", null, el("td", null, data(refText(e.object)), el("div.dim", null, data(e.policies.join(", ")))), el("td", null, Object.hasOwn(origins, e.origin) ? origins[e.origin] : e.origin),
    el("td", null, data(e.clusters.map((c) => c.cluster).join(", "))), el("td", null, (e.said || []).map((s) => el("div", { title: s.by }, el("span.dim", null, s.what + " "), data(s.value)))),
    el("td", null, e.until ? when(e.until) + (e.expired ? ", over" : "") : "no end", e.untilBy ? el("div.dim", null, data(e.untilBy)) : null),
    el("td", null, useText(e.total), e.clusters.length > 1 && e.total ? fold("by cluster", () => el("div", null, e.clusters.map((c) => el("div", null, data(c.cluster), ": ", useText(c.uses))))) : null));
}

function section(id, title, content) {
  $("sections").append(el("section", { id }, el("h2", null, title), content));
  link(id, title);
}

function link(id, title, n) {
  $("nav").append(el("a", { href: "#" + id }, title, n === undefined ? null : [" ", el("span.n", null, number(n))]));
}

const unknown = (u) => el("li", tint("not-evaluated"), (u.objects || []).length ? [data(u.objects.map(refText).join(", "), "b.data"), " in "] : null, data(u.clusters.join(", ")), ": ", data(u.reason));

function drawRest() {
  if (drift.exceptions.length) {
    section("exceptions", "Exceptions", el("div.scroll", null, el("table.grid", null,
      el("thead", null, el("tr", null, ["exception, and from what", "from", "clusters", "asked", "until", "in the capture"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", null, drift.exceptions.map(exceptionRow)))));
  }
  if (drift.notEvaluated.length) section("unknown", "Not evaluated", el("ul.items", null, drift.notEvaluated.map(unknown)));
  if (drift.unverified.length) section("unverified", "Not told", el("ul.items", null, drift.unverified.map(unknown)));
  if (drift.notes.length) section("notes", "Notes", el("ul.items", null, drift.notes.map((n) => el("li", null, data(n)))));
  $("footer").append(`${drift.tool.name} ${drift.tool.version}, Kyverno ${drift.tool.kyverno}; hub `, data(drift.question.hub.digest.slice(0, 19)), "; capture ", data((drift.question.capture.digest || "").slice(0, 19)));
}

drawAsked();
link("numbers", "Numbers");
link("matrix", "Matrix", drift.objects.length);
link("findings", "Findings", drift.findings.length);
drawFilters();
drawLegend();
drawRest();
watchers.push(showFilters, drawNumbers, drawMatrix, drawFindings);
see({});
