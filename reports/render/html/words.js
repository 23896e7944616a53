// The report and its words.

const report = JSON.parse($("report").textContent);
for (const key of ["budget", "policies", "clusters", "namespaces", "workloads", "unknowns", "rejected", "shortfalls", "skipped", "notes"]) report[key] ||= [];
report.teams ||= [];
const predicted = !$("workloads").hidden; // otherwise the report is of a rehearsal only
for (const x of [report.totals, ...report.policies, ...report.clusters, ...report.namespaces, ...report.teams, ...report.workloads]) {
  for (const key of ["requests", "workloads", "changedRequests", "changedWorkloads", "findings"]) if (x[key] === null) x[key] = key === "findings" ? [] : {};
}

// The classes, worst first: what a person reads for each.
const classes = {
  "newly-denied": "newly denied", "error": "error", "undecided": "undecided", "newly-allowed": "newly allowed",
  "newly-failing": "newly failing in audit", "newly-warned": "newly warned", "mutation-changed": "mutation changed",
  "generation-changed": "generation changed", "resolved": "resolved",
};
const heads = {
  "newly-denied": "denied", "error": "error", "undecided": "undecided", "newly-allowed": "allowed", "newly-failing": "audit",
  "newly-warned": "warned", "mutation-changed": "mutated", "generation-changed": "generated", "resolved": "resolved",
};
const bites = { "now": "at once", "next-restart": "at the next restart", "next-rollout": "at the next rollout", "next-change": "at the next change", "next-creation": "when made anew" };

const say = (words, key) => (Object.hasOwn(words, key) ? words[key] : key);
const tint = (cls) => ({ "--class": Object.hasOwn(classes, cls) ? `var(--${cls})` : "var(--dim)" });
const place = (namespace) => namespace || "(cluster-scoped)";
const worst = (counts) => Object.keys(classes).find((c) => counts[c] > 0);
const present = (...counts) => Object.keys(classes).filter((c) => counts.some((n) => n[c] > 0));
const pill = (cls, text) => el("span.pill", tint(cls), text || say(classes, cls));

const refKey = (p) => (p ? [p.kind, p.namespace || "", p.name].join("/") : "");
const refName = (p) => (p.namespace ? p.namespace + "/" : "") + p.name;
const policyOf = new Map(report.policies.map((p) => [refKey(p.policy), p]));
