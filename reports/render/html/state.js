// What is being looked at. The filters live in the address after #, so that a view can be
// kept as a link.

const fields = ["class", "policy", "cluster", "namespace", "team", "bite"];
const extra = ["workload"]; // set by a link only
const all = ["q", ...fields, ...extra];
const none = "(none)"; // a team or namespace without a name, as a filter value
const state = { q: "" };
const watchers = [];
const watch = (f) => watchers.push(f);

// valuesOf lists what a workload has for a filter.
const valuesOf = {
  class: (w) => Object.keys(w.requests),
  policy: (w) => [...new Set(w.findings.filter((f) => f.policy).map((f) => refKey(f.policy)))],
  cluster: (w) => [w.cluster],
  namespace: (w) => [w.namespace || none],
  team: (w) => [w.team || none],
  bite: (w) => w.bites || [],
  workload: (w) => [idOf(w)],
};

const idOf = (w) => [w.cluster, w.namespace || "", w.kind, w.name].join("/");

// haystacks hold what the search looks through, made at the first search.
let haystacks = null;
function haystackOf(w) {
  const parts = [w.cluster, w.namespace, w.kind, w.name, (w.namespace || "") + "/" + w.name, w.team, ...(w.users || [])];
  for (const f of w.findings) {
    parts.push(f.subject, f.rule, f.policy && refName(f.policy), (f.message || "").slice(0, 2000), f.reason, ...(f.objects || []));
  }
  return parts.filter(Boolean).join("\n").toLowerCase();
}

// found lists the workloads that pass all filters, or all but one of them.
function found(except) {
  const terms = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (terms.length && !haystacks) haystacks = report.workloads.map(haystackOf);
  const asked = [...fields, ...extra].filter((f) => state[f] && f !== except);
  return report.workloads.filter((w, i) =>
    asked.every((f) => valuesOf[f](w).includes(state[f])) && terms.every((t) => haystacks[i].includes(t)));
}

// addressOf is the part of the address that says what is looked at.
function addressOf(view) {
  const query = new URLSearchParams();
  for (const key of all) if (view[key]) query.set(key, view[key]);
  return "#?" + query;
}

function set(changes) {
  Object.assign(state, changes);
  try { history.replaceState(null, "", addressOf(state)); } catch { /* a sandbox without history */ }
  for (const f of watchers) f();
}

// toggle sets a filter, or clears it when it is set so already.
const isSet = (changes) => Object.entries(changes).every(([key, value]) => state[key] === value);
function toggle(changes) {
  set(isSet(changes) ? Object.fromEntries(Object.keys(changes).map((key) => [key, ""])) : changes);
}

// pressed keeps a button's look in step with the filter that it sets.
function pressed(button, changes) {
  button.addEventListener("click", () => toggle(changes));
  const show = () => button.setAttribute("aria-pressed", String(isSet(changes)));
  watch(show);
  show();
  return button;
}

function readAddress() {
  const query = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
  for (const key of all) state[key] = query.get(key) || "";
}
