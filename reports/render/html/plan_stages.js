// The picture: clusters down, stages across; and each stage in words.

// changesOf lists, for each stage, the changes of each cluster.
const changesOf = plan.stages.map((s) => {
  const by = new Map();
  for (const c of s.changes) for (const name of c.clusters) by.set(name, [...(by.get(name) || []), c]);
  return by;
});

const worstOf = (list) => worstFirst.find((e) => list.some((c) => c.effect === e));

// paths puts clusters with the same changes in all stages together where they are many:
// [names, changes of each stage].
function paths() {
  const rows = plan.clusters.map((c) => ({ names: [c.name], first: c.first || Infinity, production: c.production, stages: changesOf.map((by) => by.get(c.name) || []) }));
  rows.sort((a, b) => a.first - b.first || (a.names[0] < b.names[0] ? -1 : 1));
  if (rows.length <= 40) return rows;
  const ids = new Map(plan.stages.flatMap((s) => s.changes).map((c, i) => [c, i]));
  const seen = new Map();
  for (const row of rows) {
    const key = row.stages.map((list) => list.map((c) => ids.get(c)).join(",")).join(";");
    if (seen.has(key)) seen.get(key).names.push(...row.names);
    else seen.set(key, row);
  }
  return [...seen.values()];
}

function pictureCell(list, stage) {
  if (!list.length) return el("td", null, el("span.still", { title: `stage ${stage.number} does not change it` }, "·"));
  const effect = worstOf(list);
  const words = list.map((c) => `${marks[c.change]} ${c.object.kind} ${objectName(c.object)}: ${changeWords(c)}`).join("\n");
  const policies = list.filter((c) => c.policy).length;
  return el("td", null, el("a.moved", { href: "#stage-" + stage.number, title: words, ...shade(effect) },
    el("b", null, number(list.length)), el("span", null, effect ? effects[effect] : policies ? "" : "no policy")));
}

function drawPicture() {
  if (!plan.stages.length || !plan.clusters.length) return;
  const head = plan.stages.map((s) => el("th", { scope: "col", title: s.name }, el("a", { href: "#stage-" + s.number }, el("b", null, number(s.number)), " ", data(brief(s.name))), el("span.dim", null, stageWhen(s))));
  const rows = paths().map((row) => {
    const name = row.names.length === 1 ? data(brief(row.names[0])) : onClusters(row.names, 3);
    const labels = row.names.length === 1 ? Object.entries((plan.clusters.find((c) => c.name === row.names[0]) || {}).labels || {}).map(([k, v]) => k + "=" + v).join(", ") : "";
    return el("tr" + (row.production ? ".production" : ""), null, el("th", { scope: "row" }, name, labels && el("span.labels.data", { title: labels }, labels)),
      row.stages.map((list, i) => pictureCell(list, plan.stages[i])));
  });
  section("picture", "Who changes when", undefined,
    el("p.hint", null, "A number is how many objects change. ", worstFirst.map((e) => el("span.key", shade(e), el("span.swatch"), effects[e])), el("span", null, ". Clusters of production have a bar at their left.")),
    el("div.scroll", { tabindex: "0", role: "group", "aria-label": "clusters by stages" }, el("table.picture", null, el("thead", null, el("tr", null, el("th", { scope: "col" }, "cluster"), head)), el("tbody", null, rows))));
}

function changeItem(c, stage) {
  const here = c.clusters.length !== stage.clusters.length;
  return el("li", shade(c.effect), el("div", null, el("b." + { added: "plus", removed: "minus", changed: "tilde" }[c.change], null, marks[c.change] + " "),
    el("b.data", null, objectName(c.object)), el("span.dim.data", null, ` ${c.object.kind}`), c.policy ? el("span.data", null, ": " + changeWords(c)) : null, el("code.version", null, versionWords(c))),
    here && el("div.dim", null, "on ", onClusters(c.clusters)), because(c.after).map((r) => el("div.dim.data", null, r)));
}

function drawStages() {
  if (!plan.stages.length) return;
  section("stages", "Stages", plan.stages.length, plan.stages.map((s) => el("article.stage", { id: "stage-" + s.number },
    el("h3", null, `${s.number}. `, data(s.name), el("span.dim", null, ", " + stageWhen(s, " at the earliest"))),
    el("p.dim", null, s.clusters.length ? ["reaches ", onClusters(s.clusters)] : "reaches no cluster", s.placement && ["; placement ", data(s.placement)], s.run && ["; run ", data(s.run)]),
    (s.needs || []).map((n) => el("p.need.data", null, "needs " + n)),
    (s.note || "").split("\n").filter(Boolean).map((n) => el("p.dim.data", null, n)),
    s.changes.length ? el("ul.items", null, s.changes.slice(0, 200).map((c) => changeItem(c, s))) : el("p.dim", null, "no object changes"),
    s.changes.length > 200 && el("p.dim", null, `${count(s.changes.length - 200, "change")} more in the JSON form`))));
}
