// The answer and its words.

const drift = JSON.parse($("drift").textContent);
for (const key of ["budget", "clusters", "objects", "findings", "exceptions", "notEvaluated", "unverified", "notes"]) drift[key] ||= [];

// The states, worst first: what a person reads for each, and its sign in the matrix.
const states = {
  "missing": ["missing", "✗"], "weakened": ["weakened", "↓"], "left-behind": ["left behind", "~"], "extra": ["extra", "+"],
  "exception-unknown": ["exception unknown to the hub", "!"], "exception-expired": ["exception expired", "e"],
  "other-version": ["other version", "≠"], "strengthened": ["strengthened", "↑"], "exception-wide": ["exception wider than used", "w"],
  "exception-needless": ["exception not needed", "n"], "exception-unused": ["exception unused", "u"],
  "not-evaluated": ["not evaluated", "?"], "in-sync": ["in sync", "✓"],
};
const words = (s) => (Object.hasOwn(states, s) ? states[s][0] : s);
const sign = (s) => (Object.hasOwn(states, s) ? states[s][1] : "·");
const tint = (s) => ({ "--class": Object.hasOwn(states, s) ? `var(--${s})` : "var(--dim)" });
const pill = (s) => el("span.pill", tint(s), words(s));

const refText = (r) => [r.kind, r.namespace, r.name].filter(Boolean).join("/") + (r.kind === "PolicyException" && r.group === "policies.kyverno.io" ? " (CEL)" : "");
const value = (v) => (v === undefined ? "(none)" : JSON.stringify(v));

// What is looked at: text, kind of finding, cluster. Everything that depends on it watches.
const look = { q: "", kind: "", cluster: "" };
const watchers = [];
function see(change) {
  Object.assign(look, change);
  for (const f of watchers) f();
}
const has = (text) => !look.q || text.toLowerCase().includes(look.q.toLowerCase());
