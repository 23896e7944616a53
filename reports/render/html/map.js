// The map: a treemap for each cluster, a cell for each namespace.

// squarify lays weights out in a rectangle, in their order, as square as they go.
// It gives one [x, y, width, height] a weight.
function squarify(weights, width, height) {
  const out = [];
  const total = weights.reduce((a, b) => a + b, 0) || 1;
  const areas = weights.map((w) => (w / total) * width * height);
  let [x, y, w, h, i] = [0, 0, width, height, 0];
  while (i < areas.length) {
    const side = Math.max(1, Math.min(w, h));
    let sum = 0, best = Infinity, n = 0;
    for (let j = i; j < areas.length; j++) {
      const next = sum + areas[j];
      const row = areas.slice(i, j + 1);
      const ratio = Math.max((side * side * Math.max(...row)) / (next * next), (next * next) / (side * side * Math.min(...row)));
      if (ratio > best) break;
      [best, sum, n] = [ratio, next, n + 1];
    }
    const thick = sum / side;
    let at = 0;
    for (const area of areas.slice(i, i + n)) {
      const along = area / thick;
      out.push(w >= h ? [x, y + at, thick, along] : [x + at, y, along, thick]);
      at += along;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    i += n;
  }
  return out;
}

// paint colours a cell by the class that is looked at, or by its worst.
function paint(cell, group) {
  const cls = state.class || worst(group.workloads);
  const n = (cls && group.workloads[cls]) || 0;
  const share = n / Math.max(1, group.workloadsTotal);
  cell.classList.toggle("calm", n === 0);
  const strength = n ? 18 + 82 * Math.sqrt(Math.min(1, share)) : 0; // per cent; the root lets a few of many be seen
  cell.classList.toggle("mid", strength > 66); // from here, dark text is easier to read on dark pages' brighter colours
  cell.classList.toggle("high", strength > 82); // and light text on light pages' darker ones
  cell.style.setProperty("--class", n ? `var(--${cls})` : "var(--calm)");
  cell.style.setProperty("--share", Math.round(strength) + "%");
  cell.lastChild.replaceChildren(number(n), el("i", null, " of "), number(group.workloadsTotal));
  const words = n ? `${number(n)} of ${number(group.workloadsTotal)} workloads ${say(classes, cls)}` : `none of ${count(group.workloadsTotal, "workload")}`;
  cell.title = visible(`${group.cluster} / ${place(group.namespace)}: ${words}`);
  cell.setAttribute("aria-label", cell.title);
}

// layOut gives each cell its place; what does not change has a strip at the right.
function layOut(box, cells, rest) {
  const [width, height] = [box.clientWidth, box.clientHeight];
  if (!width) return;
  const sum = cells.reduce((n, c) => n + c.weight, 0);
  const strip = !rest ? 0 : cells.length ? width * Math.min(0.3, Math.max(0.12, rest.weight / (sum + rest.weight))) : width;
  const places = squarify(cells.map((c) => c.weight), width - strip, height);
  if (rest) places.push([width - strip, 0, strip, height]);
  [...cells, rest].filter(Boolean).forEach(({ node }, i) => {
    const [x, y, w, h] = places[i];
    Object.assign(node.style, { left: x + "px", top: y + "px", width: Math.max(0, w - 2) + "px", height: Math.max(0, h - 2) + "px" });
    node.classList.toggle("tiny", w < 44 || h < 22);
    node.classList.toggle("flat", h < 40);
    node.classList.toggle("thin", w < 84);
  });
}

// The square root keeps one huge namespace from hiding the small ones.
const weigh = (n) => Math.sqrt(Math.max(1, n));

function clusterMap(cluster) {
  const groups = report.namespaces.filter((g) => g.cluster === cluster.name);
  const cells = groups.map((group) => {
    const node = el("button.cell", { type: "button" }, el("b", null, place(group.namespace)), el("span"));
    pressed(node, { cluster: cluster.name, namespace: group.namespace || none });
    watch(() => paint(node, group));
    paint(node, group);
    return { node, weight: weigh(group.workloadsTotal) };
  }).sort((a, b) => b.weight - a.weight);
  const quiet = cluster.workloadsTotal - groups.reduce((n, g) => n + g.workloadsTotal, 0);
  let rest = null;
  if (quiet > 0 || !cells.length) {
    const words = quiet > 0 ? count(quiet, "workload") : "nothing captured";
    rest = { node: el("div.cell.calm", { title: words + " without a change" }, el("b", null, cells.length ? "others" : "nothing changes"), el("span", null, words)), weight: weigh(quiet) };
  }
  const box = el("div.cells", null, cells.map((c) => c.node), rest && rest.node);
  new ResizeObserver(() => layOut(box, cells, rest)).observe(box);
  return box;
}

function clusterPanel(cluster) {
  const name = pressed(el("button.name.data", { type: "button", title: "Only " + cluster.name }, cluster.name), { cluster: cluster.name, namespace: "" });
  const sum = el("span.sum");
  const show = () => {
    const cls = state.class || "newly-denied";
    const n = cluster.workloads[cls] || 0;
    sum.replaceChildren(n ? el("b", tint(cls), number(n)) : "none", ` of ${count(cluster.workloadsTotal, "workload")} ${say(heads, cls)}`);
  };
  watch(show);
  show();
  const labels = Object.entries(cluster.labels || {}).map(([k, v]) => k + "=" + v).join(", ");
  const labelled = report.clusters.some((c) => Object.keys(c.labels || {}).length); // then all maps begin at one height
  return el("article.cluster", null, el("div.head", null, name, sum), labelled && el("div.labels.data", { title: labels }, labels), clusterMap(cluster));
}

function drawMap() {
  const box = $("clusters");
  const n = report.clusters.length;
  if (n > 8) box.style.setProperty("--least", "250px");
  box.style.setProperty("--tall", !report.namespaces.length ? "72px" : n > 8 ? "170px" : n === 1 ? "340px" : "230px");
  box.append(...report.clusters.map(clusterPanel));
  const seen = present(...report.namespaces.map((g) => g.workloads));
  $("legend").append("A cell is a namespace, its area the square root of its workloads; its colour is the worst class in it, stronger the more workloads share it. Select one to filter. ",
    ...seen.map((c) => el("span.key", tint(c), el("span.swatch"), classes[c])));
  if (!report.teams.length) return;
  $("teams").append(el("div.teams", null, el("span.dim", null, "Teams:"), report.teams.map((g) => {
    const n = g.workloads["newly-denied"];
    return pressed(el("button.team", { type: "button" }, data(g.team || "(no team)"), " ", n ? el("b", null, number(n)) : el("span.dim", null, number(g.workloadsTotal))), { team: g.team || none });
  })));
}
