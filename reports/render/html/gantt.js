// The rehearsal as a picture over time: a row for each stage, below it one for each cluster
// where these are few, and on them what happened.

const rehearsal = report.rehearsal;
const rundown = rehearsal ? JSON.parse($("rundown").textContent) : null;
const second = 1e9; // times are nanoseconds
const fewClusters = 8;

const outcomeTint = { "passed": "resolved", "held": "undecided", "rolled back": "newly-denied", "failed": "error" };
const outcomeColor = (o) => (Object.hasOwn(outcomeTint, o) ? `var(--${outcomeTint[o]})` : "var(--dim)");
const outcomePill = (o) => el("span.pill", { "--class": outcomeColor(o) }, o);

// took writes a length of time as the text report does.
function took(ns) {
  if (ns < 0) return "never";
  let s = ns / second;
  if (s >= 10) s = Math.round(s);
  if (s === 0) return "0 s";
  if (s < 0.001) return Math.max(1, Math.floor(ns / 1e3)) + " µs";
  if (s < 1) return Math.floor(ns / 1e6) + " ms";
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 60) return s + " s";
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${number(Math.floor(s / 3600))} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} min`;
}

// svg makes an element of a picture, like el.
function svg(spec, props, ...children) {
  const [tag, ...names] = spec.split(".");
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  if (names.length) node.setAttribute("class", names.join(" "));
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("--")) node.style.setProperty(key, value);
    else node.setAttribute(key, typeof value === "number" ? String(Math.round(value * 10) / 10) : visible(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : document.createTextNode(visible(c)))));
  return node;
}

const tip = (...lines) => svg("title", null, lines.filter(Boolean).map((l) => (l.length > 600 ? l.slice(0, 600) + "…" : l)).join("\n"));
const endOf = (at, length) => Math.max(0, at) + Math.max(0, length);

// ganttRows lists the rows: coming up, the stages, the ways back.
function ganttRows() {
  const reached = rehearsal.stages.filter((s) => s.outcome !== "not reached");
  const first = reached.length ? Math.max(0, reached[0].start) : rundown.span;
  const free = rundown.marks.filter((m) => m.stage < 0);
  const [early, late] = [free.filter((m) => m.at < first), free.filter((m) => m.at >= first)];
  const rows = [{ name: "clusters come up", from: 0, to: first, color: "var(--calm)", marks: early }];
  rehearsal.stages.forEach((s, i) => rows.push({
    name: s.name, stage: s, from: Math.max(0, s.start), to: endOf(s.start, s.took), color: outcomeColor(s.outcome),
    none: s.outcome === "not reached", marks: rundown.marks.filter((m) => m.stage === i), clusters: s.clusters,
  }));
  if (late.length) {
    rows.push({ name: rehearsal.rollback.length ? "ways back" : "afterwards", from: Math.min(...late.map((m) => m.at)), to: Math.max(...late.map((m) => endOf(m.at, m.took))), color: "var(--calm)", marks: late });
  }
  return rows.flatMap((row) => [row, ...lanesOf(row)]);
}

// lanesOf are the rows of a stage's clusters.
function lanesOf(row) {
  if (rehearsal.clusters.length > fewClusters || rehearsal.clusters.length < 2) return [];
  return rehearsal.clusters.map((c) => c.name)
    .filter((name) => (row.clusters || []).includes(name) || row.marks.some((m) => m.cluster === name))
    .filter(() => !row.none)
    .map((name) => ({ name, lane: true, stage: row.stage, marks: row.marks.filter((m) => m.cluster === name) }));
}

// ownMarks are those that no lane below a row shows.
// What takes long on single clusters would only thicken the bar of a stage without lanes.
const ownMarks = (row, lanes) => row.marks.filter((m) => !lanes.has(m.cluster) && !(m.cluster && ["traffic", "step"].includes(m.kind)));

const markOrder = ["traffic", "step", "policy", "gate", "rollback", "denied", "failed"]; // the later is drawn above
const markWords = { policy: "policy written", traffic: "traffic", denied: "requests denied", gate: "gate", rollback: "rolled back, or a way back", failed: "failed" };

// shape draws one kind of mark, its middle at x, y.
function shape(kind, x, y) {
  switch (kind) {
    case "policy": return svg("rect", { x: x - 1.5, y: y - 6, width: 3, height: 12, rx: 1 });
    case "gate": return svg("path", { d: `M${x} ${y - 7}l7 7l-7 7l-7 -7z` });
    case "rollback": return svg("path", { d: `M${x + 5} ${y - 6}v12l-11 -6z` });
    case "failed": return svg("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` });
    case "denied": return svg("circle", { cx: x, cy: y, r: 5 });
  }
  return svg("circle", { cx: x, cy: y, r: 2 });
}

// drawMarks puts a row's marks on it; those of one kind at one place are one.
function drawMarks(row, marks, xOf, y) {
  const places = new Map();
  for (const m of [...marks].sort((a, b) => markOrder.indexOf(a.kind) - markOrder.indexOf(b.kind))) {
    const wide = row.lane && ["traffic", "denied", "rollback", "step"].includes(m.kind);
    const [from, to] = [xOf(m.at), xOf(endOf(m.at, m.took))];
    const x = m.kind === "gate" || m.kind === "denied" ? to : from;
    const key = m.kind + Math.round(x / 3) + "/" + Math.round((wide ? to : x) / 3);
    if (!places.has(key)) places.set(key, { kind: m.kind, x, from, to, wide, told: [] });
    places.get(key).told.push(`${took(m.at)}: ${m.cluster && !row.lane ? m.cluster + ": " : ""}${m.text}${m.took > 0 ? `, took ${took(m.took)}` : ""}${m.error ? ": " + m.error : ""}`);
  }
  return [...places.values()].map((p) => {
    const color = p.kind === "gate" && row.stage ? { "--class": outcomeColor(row.stage.outcome) } : null;
    const more = p.told.length > 8 ? `… and ${number(p.told.length - 8)} more` : "";
    return svg("g.mark." + p.kind, color, tip(...p.told.slice(0, 8), more),
      p.wide && svg("rect.while", { x: p.from, y: y - 2, width: Math.max(1, p.to - p.from), height: 4, rx: 2 }), shape(p.kind, p.x, y));
  });
}

// tickOf is a distance between the lines of the axis, for so many of them at most.
function tickOf(span, most) {
  const steps = [0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400].map((s) => s * second);
  return steps.find((s) => span / s <= most) || span;
}
function tickWords(ns) {
  const s = ns / second;
  if (s < 60) return Math.round(s * 100) / 100 + " s";
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")} min` : s / 60 + " min";
  return Math.round(s / 36) / 100 + " h";
}

function ellipsis(text, most) {
  const all = [...visible(text)];
  return all.length <= most ? all.join("") : all.slice(0, Math.max(1, most - 1)).join("") + "…";
}

// drawGantt fills the box with a picture as wide as it is.
function drawGantt(box) {
  const width = box.clientWidth;
  if (!width) return;
  const narrow = width < 640;
  const [left, right] = narrow ? [12, 22] : [210, 176];
  const xOf = (at) => left + (width - left - right) * Math.min(1, Math.max(0, at) / (rundown.span || 1));
  const rows = ganttRows();
  const nodes = [];
  let y = 26;
  rows.forEach((row, i) => {
    if (row.lane) {
      if (narrow) y += 11;
      nodes.push(...drawLane(row, xOf, y, narrow, width - right));
      y += narrow ? 17 : 17;
      return;
    }
    const lanes = new Set();
    for (let j = i + 1; j < rows.length && rows[j].lane; j++) lanes.add(rows[j].name);
    if (i) y += 8;
    if (narrow) y += 16;
    nodes.push(...drawRow(row, ownMarks(row, lanes), xOf, y, narrow, width, right));
    y += 24;
  });
  const lines = [];
  const tick = tickOf(rundown.span, (width - left - right) / 74);
  for (let at = 0; at <= rundown.span && lines.length < 200; at += tick) {
    lines.push(svg("line.tick", { x1: xOf(at), x2: xOf(at), y1: 18, y2: y }), svg("text.axis", { x: xOf(at), y: 12, "text-anchor": at ? "middle" : "start" }, at ? tickWords(at) : "0"));
    if (!(tick > 0)) break;
  }
  box.replaceChildren(svg("svg", { width, height: y + 6, viewBox: `0 0 ${width} ${y + 6}`, role: "img", "aria-label": `The ${count(rehearsal.stages.length, "stage")} over ${took(rundown.span)}; the tables below say the same.` }, lines, nodes));
}

function drawRow(row, marks, xOf, y, narrow, width, right) {
  const [x, w] = [xOf(row.from), Math.max(2, xOf(row.to) - xOf(row.from))];
  const s = row.stage;
  const sum = s && rundown.stages[s.index];
  const said = s ? [s.outcome, sum && sum.denied ? number(sum.denied) + " denied" : ""].filter(Boolean).join(", ") : took(row.to - row.from);
  const told = tip(s ? `${s.name}: ${s.mode} on ${count(s.clusters.length, "cluster")}` : row.name, said, `from ${took(row.from)}, took ${took(row.to - row.from)}`, s && s.note);
  const name = narrow ? svg("text.name", { x: 8, y: y - 7 }, ellipsis(row.name, 30)) : svg("text.name", { x: 8, y: y + 12 }, ellipsis(row.name, 27));
  const end = svg("text.said", { x: width - (narrow ? 8 : 8), y: narrow ? y - 7 : y + 12, "text-anchor": "end", "--class": row.color === "var(--calm)" ? "var(--dim)" : row.color }, said);
  if (row.none) return [name, end];
  return [name, svg("rect.bar", { x, y: y + 1, width: w, height: 15, rx: 4, "--class": row.color }, told), ...drawMarks(row, marks, xOf, y + 8.5), end];
}

function drawLane(row, xOf, y, narrow, to) {
  const name = narrow ? svg("text.lane", { x: 20, y: y - 1 }, ellipsis(row.name, 40)) : svg("text.lane", { x: 20, y: y + 11 }, ellipsis(row.name, 26));
  return [name, svg("line.rail", { x1: xOf(0), x2: to, y1: y + 7, y2: y + 7 }), ...drawMarks(row, row.marks, xOf, y + 7)];
}

// keepDrawn draws into a box that is on the page, and again when its width changes.
function keepDrawn(box) {
  let drawn = box.clientWidth;
  drawGantt(box);
  new ResizeObserver(() => requestAnimationFrame(() => { if (box.clientWidth !== drawn) { drawn = box.clientWidth; drawGantt(box); } })).observe(box);
}

function gantt() {
  const box = el("div.gantt");
  const seen = [...new Set(rundown.marks.map((m) => m.kind))].filter((k) => Object.hasOwn(markWords, k));
  const key = Object.keys(markWords).filter((k) => seen.includes(k)).map((k) => el("span.key", null,
    svg("svg", { width: 18, height: 16, "aria-hidden": "true" }, svg("g.mark." + k, null, k === "traffic" ? svg("rect.while", { x: 0, y: 6, width: 16, height: 4, rx: 2 }) : shape(k, 9, 8))), markWords[k] + " "));
  return [box, el("p.hint.marks", null, key)];
}
