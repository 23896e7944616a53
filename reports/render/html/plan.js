// The plan and its words.

const plan = JSON.parse($("plan").textContent);
for (const key of ["refusals", "clusters", "stages", "policies", "groups", "placements", "warnings", "problems", "notes"]) plan[key] ||= [];

const objectName = (o) => (o.namespace ? o.namespace + "/" : "") + o.name;
const marks = { added: "+", removed: "−", changed: "~" };
const effects = { enforces: "enforces newly", relaxes: "relaxes", alters: "changes otherwise" };
const worstFirst = Object.keys(effects);
const colours = { enforces: "newly-denied", relaxes: "newly-allowed", alters: "mutation-changed" };
const shade = (effect) => ({ "--class": Object.hasOwn(colours, effect) ? `var(--${colours[effect]})` : "var(--dim)" });

// changeWords is what a change does: "Audit → Enforce", "new in Audit".
function changeWords(c) {
  const mode = (v) => (v && v.mode) || "";
  const within = (what, m) => (m ? `${what} in ${m}` : what);
  if (c.change === "added") return within("new", mode(c.after));
  if (c.change === "removed") return mode(c.before) ? `removed (was ${mode(c.before)})` : "removed";
  if (mode(c.before) !== mode(c.after)) return `${mode(c.before) || "no mode"} → ${mode(c.after) || "no mode"}`;
  return within("another version", mode(c.after));
}

const versionWords = (c) => [c.before, c.after].filter(Boolean).map((v) => v.digest.slice(0, 7)).join(" → ");

function because(v) {
  if (!v) return [];
  const many = (noun, names) => names && names.length && `${noun}${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
  return [many("override", v.overrides), many("exception", v.exceptions), v.stale && "not what the hub intends: " + v.stale].filter(Boolean);
}

// stageTime says when a stage comes; nanoseconds since the hub objects changed.
function stageTime(ns) {
  const s = Math.round(ns / 1e9);
  if (s <= 0) return "at once";
  const parts = [[Math.floor(s / 3600), "h"], [Math.floor(s / 60) % 60, "m"], [s % 60, "s"]].filter(([n]) => n);
  return "after " + parts.map(([n, unit]) => n + unit).join("");
}

// stageWhen says when a stage comes: of one that nothing starts by itself, with what.
function stageWhen(stage, earliest = "") {
  if ((stage.needs || []).some((n) => n.startsWith("the next rollout"))) return "with the next rollout";
  return stageTime(stage.at) + (stage.at > 0 ? earliest : "");
}

// onClusters names the clusters, or folds them where they are many.
function onClusters(names, most = 8) {
  if (names.length === plan.clusters.length && names.length > 1) return el("span", null, `all ${count(names.length, "cluster")}`);
  if (names.length <= most) return data(names.join(", "));
  const rest = el("span.data", { hidden: true }, ", " + names.slice(most).join(", "));
  const more = el("button.link", { type: "button", onclick: () => { rest.hidden = false; more.remove(); } }, `and ${number(names.length - most)} more`);
  return el("span", null, data(names.slice(0, most).join(", ")), rest, " ", more);
}
