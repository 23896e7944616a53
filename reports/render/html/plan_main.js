// The other parts, and the start.

function drawAsked() {
  const q = plan.question;
  const ask = (name, value) => $("asked").append(el("div", null, el("dt", null, name), el("dd.data", null, value)));
  const hub = (h) => `${h.source}${h.revision ? " (" + h.revision.slice(0, 12) + ")" : ""}: ${count(h.policies, "policy")}, ${count(h.others, "other object")}`;
  ask("Hub", hub(q.hub));
  if (q.from) ask("Before", hub(q.from));
  ask("Fleet", `${count(plan.clusters.length, "cluster")} of ${q.fleet}`);
  ask("By", q.distributor);
  if (q.events) ask("Events", q.events.join("; "));
}

const where = (x) => (x.file ? el("b.data", null, position(x.file, x.line)) : null);

function drawProblems() {
  if (!plan.problems.length) return;
  section("refused", "Refused", plan.problems.length, el("ul.items", null, plan.problems.map((x) => el("li", { "--class": "var(--newly-denied)" },
    el("div", null, where(x), " ", data(x.object || "")), long(x.reason, "div.data"), x.fix && el("div.do.data", null, x.fix)))));
}

function drawWarnings() {
  if (!plan.warnings.length) return;
  section("warnings", "Warnings", plan.warnings.length, el("ul.items", null, plan.warnings.map((x) => el("li", { "--class": "var(--undecided)" },
    el("div", null, el("b", null, data(x.code)), " ", where(x), " ", data(x.object || "")), long(x.text, "div.data"),
    x.members && x.members.length ? el("div.dim", null, "on ", onClusters(x.members)) : null, x.fix && el("div.do.data", null, x.fix)))));
}

// words of a cell of the matrix, and its colour.
function cellOf(cell, before) {
  const words = cell.change === "added" ? "+ " + cell.after : cell.change === "removed" ? "− " + cell.before
    : cell.change && cell.before !== cell.after ? `${cell.before} → ${cell.after}` : cell.change ? "~ " + cell.after : cell.after || "·";
  const known = ["Enforce", "Audit", "Warn"].includes(cell.after) ? "." + cell.after : cell.after ? ".on" : ".absent";
  return el("td.data" + known + (cell.change ? ".moved" : ""), { title: before }, words);
}

function drawMatrix() {
  if (!plan.policies.length || !plan.groups.length) return;
  const box = el("div");
  const show = (name) => {
    const groups = plan.groups.filter((g) => !name || g.clusters.includes(name));
    const heads = groups.map((g) => (name ? data(brief(name)) : el("span", null, onClusters(g.clusters, 3))));
    const rows = plan.policies.map((p, i) => el("tr", null, el("th", { scope: "row" }, el("b.data", null, objectName(p.object)), el("div.dim.data", null, p.object.kind + (p.file ? ", " + position(p.file, p.line) : ""))),
      groups.map((g) => cellOf(g.cells[i], "before: " + (g.cells[i].before || "not there")))));
    box.replaceChildren(el("div.scroll", { tabindex: "0", role: "group", "aria-label": "policies by clusters" }, el("table.grid.matrix", null,
      el("thead", null, el("tr", null, el("th", { scope: "col" }, "policy"), heads.map((h) => el("th", { scope: "col" }, h)))), el("tbody", null, rows))));
  };
  const choice = el("select", { onchange: () => show(choice.value) }, el("option", { value: "" }, "all clusters"), plan.clusters.map((c) => el("option", { value: c.name }, brief(c.name))));
  show("");
  section("policies", "Policies in the end", plan.policies.length, el("p.hint", null, el("label", null, "Look at ", choice), " Clusters that see the same share a column; + arrives, − goes, ~ another version."), box);
}

function drawPlacements() {
  if (!plan.placements.length) return;
  section("placements", "Placements", plan.placements.length, plan.placements.map((p) => el("article.stage", null,
    el("h3", null, data(objectName(p))), el("p.dim.data", null, [p.kind, p.type, p.strategy, p.file && position(p.file, p.line)].filter(Boolean).join(", ")),
    el("p.data", null, `${p.scheduled.reason}${p.scheduled.message ? ": " + p.scheduled.message : ""}`),
    fold(`selects ${count(p.selected.length, "object")}`, () => el("ul.items", null, p.selected.map((o) => el("li.data", null, `${o.kind} ${objectName(o)}`)))),
    el("ul.items", null,
      p.decisions.map((d) => el("li", { "--class": d.selected ? "var(--resolved)" : "var(--dim)" }, el("b", null, d.sticky ? "kept " : d.selected ? "picked " : "not picked "), onClusters(d.clusters), el("div.dim.data", null, d.reason))),
      (p.runs || []).map((r) => el("li", { "--class": r.condition.status === "False" ? "var(--newly-denied)" : "var(--accent)" }, el("b", null, "run "), data(r.name), el("div.dim.data", null, `${r.condition.reason}${r.condition.message ? ": " + r.condition.message : ""}${(r.assumed || []).length ? `; takes approval${r.assumed.length === 1 ? "" : "s"} ${r.assumed.join(", ")} as given` : ""}${r.waiting ? "; waits for " + r.waiting : ""}`))),
      (p.overrides || []).map((o) => el("li", { "--class": o.failed && o.failed.length ? "var(--newly-denied)" : "var(--mutation-changed)" }, el("b", null, "override "), data(o.name), " on ", o.clusters && o.clusters.length ? onClusters(o.clusters) : "no cluster",
        o.deleted && o.deleted.length ? el("div.data", null, "leaves objects out on ", onClusters(o.deleted)) : null,
        o.failed && o.failed.length ? el("div.data", null, "fails on ", onClusters(o.failed), ": " + o.reason) : null))))));
}

drawAsked();
drawPicture();
drawProblems();
drawWarnings();
drawStages();
drawMatrix();
drawPlacements();
if (plan.notes.length) section("notes", "Notes", undefined, el("ul.items", null, plan.notes.map((n) => el("li.data", null, n))));
$("footer").append(data(`${plan.tool.name} ${plan.tool.version}, as of ${when(plan.question.at)}. This page is complete: it loads nothing and sends nothing.`));
