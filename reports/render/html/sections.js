// The parts around the list: what was asked, the numbers, policies, and what was not known.

function drawAsked() {
  const q = report.question;
  const ask = (name, ...value) => $("asked").append(el("div", null, el("dt", null, name), el("dd.data", null, ...value)));
  const side = (s) => `${s.source}${s.revision ? " (" + s.revision + ")" : ""}: ${count(s.policies, "policy")}${s.others ? ", " + count(s.others, "other object") : ""}`;
  for (const c of q.captures || []) ask("Capture", `${c.file}: ${count(c.records, "record")}${c.from && c.to ? `, ${when(c.from)} to ${when(c.to)}` : ""}`);
  ask("Baseline", side(q.baseline));
  ask("Candidate", side(q.candidate));
  const t = report.totals;
  ask("Judged", `${number(t.requests - t.outOfScope)} of ${count(t.requests, "request")} of ${count(t.workloads, "workload")}`);
  const r = report.rehearsal;
  if (r) ask("Rehearsal", el("a", { href: "#rehearsal" }, `${brief(r.scenario)} on ${count((r.clusters || []).length, "cluster")}: ${r.outcome}`));
}

function drawNumbers() {
  const t = report.totals;
  const always = ["newly-denied", "error", "undecided"];
  const tiles = Object.keys(classes).filter((c) => always.includes(c) || t.changedRequests[c] > 0).map((c) => {
    const [owned, sent] = [t.changedWorkloads[c] || 0, t.changedRequests[c] || 0];
    const tile = el("button.tile" + (sent ? "" : ".none"), { type: "button", ...tint(c) },
      el("b", null, number(owned)), el("span.w", null, classes[c]), el("span.r", null, count(sent, "request")));
    return pressed(tile, { class: c });
  });
  $("tiles").append(...tiles);
  drawBites();
}

// drawBites is a strip: how soon the newly denied workloads feel it.
function drawBites() {
  const soonest = Object.keys(bites).map((b) => [b, report.workloads.filter((w) => w.bites && w.bites[0] === b).length]).filter(([, n]) => n);
  if (!soonest.length) return;
  const parts = soonest.map(([b, n]) => {
    const part = el("button", { type: "button", "--share": { "now": "100%", "next-restart": "78%", "next-rollout": "58%", "next-change": "38%", "next-creation": "24%" }[b], title: `${count(n, "workload")} ${bites[b]}` }, `${number(n)} ${bites[b]}`);
    part.style.flex = `${n} 1 0`;
    return pressed(part, { bite: b });
  });
  $("bites").append(el("div.when", null, el("p.label", null, "When it bites, soonest first, by newly denied workloads"), el("div.strip", null, parts)));
}

const numbers = (counts, seen) => seen.map((c) => (counts[c] ? el("td.num.hot", tint(c), number(counts[c])) : el("td.num.zero", null, "·")));

function drawPolicies() {
  if (!report.policies.length) return;
  const seen = present(...report.policies.map((p) => p.workloads));
  const rows = report.policies.flatMap((p) => {
    const name = el("td", null, pressed(el("button.link.data", { type: "button", title: "Only this policy" }, refName(p.policy)), { policy: refKey(p.policy) }),
      el("div.dim.data", null, [p.policy.kind, p.title, p.severity && "severity " + p.severity].filter(Boolean).join(", ")));
    const source = p.before || p.after ? el("tr.open", { hidden: true }, el("td", { colspan: 3 + seen.length })) : null;
    const opener = source && el("button.link", { type: "button", "aria-expanded": "false", onclick: () => {
      source.hidden = !source.hidden;
      opener.setAttribute("aria-expanded", String(!source.hidden));
      if (!source.firstChild.firstChild) source.firstChild.append(policySource(p));
    } }, sourceTitle(p));
    const file = el("td", null, el("div.data", null, p.file ? position(p.file, p.line) : ""), opener);
    return [el("tr", null, name, el("td", null, p.change), file, numbers(p.workloads, seen)), source].filter(Boolean);
  });
  section("policies", "Policies", report.policies.length, table(["policy", "change", "where", ...seen.map((c) => ({ num: heads[c] }))], rows));
}

// drawStages is a hub change stage by stage, each against the one before.
function drawStages() {
  const stages = report.stages || [];
  if (!stages.length) return;
  const seen = present(...stages.map((s) => s.workloads || {}));
  const minutes = (ns) => (ns > 0 ? `after ${number(Math.round(ns / 6e10))} min` : "at once");
  const names = (list) => (list || []).slice(0, 8).join(", ") + ((list || []).length > 8 ? ` and ${number(list.length - 8)} more` : "");
  section("stages", "Stages: workloads, each against the stage before", stages.length, table(["stage", "when", { num: "clusters" }, ...seen.map((c) => ({ num: heads[c] })), "bites in"],
    stages.map((s) => el("tr", null, el("td.data", null, `${s.number}. ${s.name}`), el("td", null, minutes(s.at)), el("td.num", null, number(s.clusters.length)), numbers(s.workloads || {}, seen),
      el("td.data", null, names(s.bites) || "·", (s.notCaptured || []).length ? el("div.dim.data", null, "not judged, not captured: " + names(s.notCaptured)) : null)))));
}

// drawScan is what PolicyReports will show: results by rule, and what is new in them.
function drawScan() {
  const scan = report.policyReports;
  if (!scan) return;
  const said = (counts) => Object.entries(counts || {}).filter(([o]) => o !== "pass" && o !== "skip").map(([o, n]) => `${number(n)} ${o}`).join(", ") || (counts ? "none" : "·");
  const name = (x) => refName(x.policy) + (x.rule ? " / " + x.rule : "");
  const cells = (...texts) => el("tr", null, texts.map((t) => el("td.data", null, t)));
  const rules = scan.rules.map((r) => cells(name(r), said(r.baseline), said(r.candidate), number((r.candidate || {}).pass || 0)));
  const most = 200;
  const found = scan.findings.slice(0, most).map((f) => cells(f.cluster, `${f.kind} ${f.namespace ? f.namespace + "/" : ""}${f.name}`, name(f), `${f.before || "·"} → ${f.after}`, f.message));
  section("scan", `PolicyReports: after a background scan of ${count(scan.objects, "object")}`, scan.findings.length,
    table(["policy / rule", "today", "candidate", "pass"], rules),
    found.length ? el("h3", null, "New in the reports") : null,
    found.length ? table(["cluster", "object", "policy / rule", "result", "message"], found) : null,
    scan.findings.length > most ? el("p.dim", null, `${count(scan.findings.length - most, "finding")} more in the JSON form`) : null);
}

function drawGaps() {
  const list = (items) => el("ul.items", null, items);
  if (report.shortfalls.length) {
    section("shortfalls", "Does not ship as asked", report.shortfalls.length, list(report.shortfalls.map((x) => el("li", tint(x.refused ? "newly-denied" : "undecided"),
      el("div.data", null, el("b", null, [position(x.file, x.line), x.object].filter(Boolean).join(" ")), x.clusters ? el("span.dim", null, ` on ${x.clusters.join(", ")}`) : ""),
      long(x.text, "div.data"), x.fix && el("div.do.data", null, x.fix)))));
  }
  if (report.unknowns.length) {
    section("undecided", "Undecided: what was not known, and what to capture", report.unknowns.length, list(report.unknowns.map((u) => el("li", tint("undecided"),
      long(u.reason, "div.data"), el("div.dim.data", null, `${count(u.requests, "request")}, ${u.side}${u.policies && u.policies.length ? ": " + u.policies.map(refName).join(", ") : ""}`), u.resolve && el("div.do.data", null, u.resolve)))));
  }
  if (report.rejected.length) {
    section("rejected", "Rejected: policies that Kyverno would not accept", report.rejected.length, list(report.rejected.map((x) => el("li", tint("newly-denied"),
      el("div.data", null, el("b", null, position(x.file, x.line)), x.policy ? " " + x.policy : "", el("span.dim", null, ` (${x.side})`)), long(x.reason, "div.data")))));
  }
  if (report.skipped.length) {
    section("skipped", "Skipped: input that could not be read", report.skipped.length, list(report.skipped.map((x) => el("li", null,
      el("div.data", null, el("b", null, position(x.file, x.line)), el("span.dim", null, ` (${x.where})`)), long(x.reason, "div.data")))));
  }
}

// drawSides counts decisions and verdicts of both sides.
function drawSides() {
  const [b, c] = [report.totals.baseline, report.totals.candidate];
  const both = (title, x, y) => [...new Set([...Object.keys(x || {}), ...Object.keys(y || {})])].map((k) =>
    el("tr", null, el("td.data", null, title + " " + k.replaceAll("-", " ")), el("td.num", null, number((x || {})[k] || 0)), el("td.num", null, number((y || {})[k] || 0))));
  section("sides", "Both sides", undefined, table(["", { num: "baseline" }, { num: "candidate" }], [...both("requests", b.decisions, c.decisions), ...both("verdicts", b.outcomes, c.outcomes)]));
}

function drawRest() {
  if (report.budget.length) {
    section("budget", "Budget", undefined, table(["limit", { num: "found" }, { num: "allowed" }, ""], report.budget.map((l) => el("tr", null, el("td.data", null, l.name),
      el("td.num", null, l.found), el("td.num", null, l.allowed), el("td", null, l.exceeded ? pill("newly-denied", "exceeded") : pill("resolved", "within"))))));
  }
  if (predicted) drawSides();
  const scope = Object.entries(report.totals.scopeReasons || {}).map(([reason, n]) => `${count(n, "request")} not judged: ${reason}`);
  const notes = [...scope, report.totals.incomplete ? `${count(report.totals.incomplete, "request")} without a body` : "", ...report.notes].filter(Boolean);
  if (notes.length) section("notes", "Notes", undefined, el("ul.items", null, notes.map((n) => el("li.data", null, n))));
  const t = report.tool;
  $("footer").append(data(`${t.name} ${t.version} with Kyverno ${t.kyverno}, as of ${when(predicted ? report.question.at : rehearsal.started)}. This page is complete: it loads nothing and sends nothing.`));
}
