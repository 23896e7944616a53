// The matrix: an object a row, a cluster a column.

const clusterSeen = (name) => !look.cluster || name === look.cluster;

function rowSeen(o) {
  if (!has(refText(o.object))) return false;
  return o.cells.some((c, i) => clusterSeen(drift.clusters[i].name) && c.state && (!look.kind || c.state === look.kind || (c.kinds || []).includes(look.kind)));
}

function cellOf(o, c, cluster) {
  if (!c.state) return el("td", null, el("span.none", { title: "not intended here" }, "·"));
  const all = [c.state, ...(c.kinds || [])].filter((s, i, list) => list.indexOf(s) === i).map(words).join(", ");
  const from = c.placement ? `; by ${c.placement}${c.overrides ? ", overridden by " + c.overrides.join(", ") : ""}` : "";
  const title = `${refText(o.object)} in ${cluster.name}: ${all}${from}${c.stale ? "; " + c.stale : ""}`;
  if (!(c.kinds || []).length) return el("td", null, el("span", { ...tint(c.state), title }, sign(c.state)));
  const on = look.cluster === cluster.name && look.q === refText(o.object);
  return el("td", null, el("button", { ...tint(c.state), type: "button", title, "aria-label": title, "aria-pressed": on ? "true" : "false",
    onclick: () => see(on ? { cluster: "", q: "" } : { cluster: cluster.name, q: refText(o.object) }) }, sign(c.state)));
}

function drawMatrix() {
  const columns = drift.clusters.map((c, i) => i).filter((i) => clusterSeen(drift.clusters[i].name));
  const head = el("tr", null, el("th", { scope: "col" }, ""), columns.map((i) => el("th", { scope: "col" }, el("span.data", { title: drift.clusters[i].name }, drift.clusters[i].name))));
  const rows = drift.objects.filter(rowSeen).map((o) => el("tr", null,
    el("th", { scope: "row" }, data(o.object.name), el("small", null, data([o.object.kind, o.object.namespace].filter(Boolean).join(" in ")))),
    columns.map((i) => cellOf(o, o.cells[i], drift.clusters[i]))));
  $("grid").replaceChildren(rows.length ? el("table.matrix", null, el("thead", null, head), el("tbody", null, rows)) : el("p.hint", null, "Nothing of that."));
}

function drawLegend() {
  const used = new Set(drift.objects.flatMap((o) => o.cells.map((c) => c.state || "")));
  $("legend").replaceChildren(...Object.keys(states).filter((s) => used.has(s)).map((s) => el("span.key", tint(s), el("span.swatch"), `${sign(s)} ${words(s)}`)),
    ...(used.has("") ? [el("span.key", null, el("span.swatch", { "--class": "var(--line)" }), "· not intended here")] : []));
}
