// One workload, opened.

function findingCard(f) {
  const head = el("div.head", null, pill(f.class), f.bite && el("span", null, "bites ", say(bites, f.bite)));
  if (f.policy) {
    head.append(el("span", null, el("button.link.data", { type: "button", title: "Only this policy", onclick: () => set({ policy: refKey(f.policy) }) }, refName(f.policy)),
      f.rule && el("span.data", null, " / " + f.rule), el("span.dim", null, "  " + f.policy.kind)));
  }
  const change = el("div.change", null, el("b.data", null, brief(f.before)), el("span.arrow", null, "→"), el("b.data", null, brief(f.after)),
    el("span.dim", null, `  ${count(f.requests, "request")}, first `), data(f.subject, "code.data"));
  const card = el("div.finding", tint(f.class), head, change);
  if (f.message) card.append(long(f.message.trim(), "pre.said.data"));
  if (f.reason && f.reason !== f.message) card.append(long(f.reason, "pre.said.data"));
  if (f.resolve) card.append(el("p.change", null, el("span.dim", null, "To decide it: "), data(f.resolve)));
  if (f.objects && f.objects.length) card.append(objectList(f.objects));
  if (f.patch) card.append(patchTable("Patch of the candidate", f.patch));
  if (f.oldPatch) card.append(patchTable("Patch of the baseline", f.oldPatch));
  return card;
}

function objectList(objects) {
  const mark = { "+": "plus", "-": "minus", "~": "tilde" };
  return el("pre.data", null, objects.map((o) => el("div." + (mark[o[0]] || "dim"), null, o)));
}

// patchTable shows a JSON patch by operation; anything else as it is.
function patchTable(title, patch) {
  if (!Array.isArray(patch)) return long(JSON.stringify(patch, null, 2), "pre.data");
  const rows = patch.map((p) => el("tr", null, el("td", null, p.op), el("td.mono.data", null, p.path || ""),
    el("td.mono.data", null, p.value === undefined ? (p.from || "") : JSON.stringify(p.value).slice(0, longest))));
  return el("table.ops", null, el("thead", null, el("tr", null, el("th", { colspan: 3 }, title))), el("tbody", null, rows));
}

function facts(w) {
  const list = el("dl.facts");
  const fact = (name, ...value) => list.append(el("div", null, el("dt", null, name), el("dd.data", null, ...value)));
  fact("Changed requests", present(w.requests).map((c) => `${number(w.requests[c])} ${classes[c]}`).join(", "));
  if (w.bites && w.bites.length) fact("Bites", w.bites.map((b) => say(bites, b)).join(", "));
  if (w.first) fact(w.first === w.last || !w.last ? "Recorded" : "First and last recorded", w.first === w.last || !w.last ? when(w.first) : `${when(w.first)} to ${when(w.last)}`);
  if (w.users && w.users.length) fact("Sent by", w.users.join(", "));
  if (w.file) fact("From", position(w.file, w.line));
  return list;
}

function workloadDetail(w) {
  const box = el("div.inside", null, w.findings.map(findingCard), facts(w));
  if (w.object) box.append(fold("Object of the first changed request (YAML)", () => el("pre.data", { tabindex: "0" }, w.object)));
  const seen = new Set();
  for (const f of w.findings) {
    const key = refKey(f.policy);
    const p = policyOf.get(key);
    if (!p || seen.has(key) || !(p.before || p.after)) continue;
    seen.add(key);
    box.append(fold(el("span", null, "Policy ", data(refName(p.policy)), ": " + sourceTitle(p), p.file && el("span.dim.data", null, "  " + position(p.file, p.line))), () => policySource(p)));
  }
  box.append(el("p.share", null, el("a", { href: addressOf({ workload: idOf(w) }) }, "Link to this workload")));
  return box;
}
