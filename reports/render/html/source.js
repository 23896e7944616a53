// Manifests, and what differs between two of them.

const near = 4; // unchanged lines around a change
const most = 4e6; // cells of the comparison's table; beyond, the middle is shown as replaced

// compare gives [mark, text] for each line: " ", "-" or "+".
function compare(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let [first, lastA, lastB] = [0, a.length, b.length];
  while (first < lastA && first < lastB && a[first] === b[first]) first++;
  while (lastA > first && lastB > first && a[lastA - 1] === b[lastB - 1]) { lastA--; lastB--; }
  const same = (lines) => lines.map((t) => [" ", t]);
  return [...same(a.slice(0, first)), ...middle(a.slice(first, lastA), b.slice(first, lastB)), ...same(a.slice(lastA))];
}

// middle compares by the longest common subsequence.
function middle(a, b) {
  if (a.length * b.length > most) return [...a.map((t) => ["-", t]), ...b.map((t) => ["+", t])];
  const wide = b.length + 1;
  const table = new Uint32Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * wide + j] = a[i] === b[j] ? table[(i + 1) * wide + j + 1] + 1 : Math.max(table[(i + 1) * wide + j], table[i * wide + j + 1]);
    }
  }
  const out = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { out.push([" ", a[i]]); i++; j++; }
    else if (j >= b.length || (i < a.length && table[(i + 1) * wide + j] >= table[i * wide + j + 1])) out.push(["-", a[i++]]);
    else out.push(["+", b[j++]]);
  }
  return out;
}

// differences draws both sides in one column, far unchanged lines folded.
function differences(before, after) {
  const lines = compare(before.trimEnd(), after.trimEnd());
  const close = new Set();
  lines.forEach(([mark], i) => { if (mark !== " ") for (let k = i - near; k <= i + near; k++) close.add(k); });
  const box = el("div.source.data", { tabindex: "0", role: "group", "aria-label": "differences" });
  let [old, now, gap] = [0, 0, 0];
  const told = () => { if (gap) box.append(el("div.gap", null, `⋯ ${count(gap, "line")} unchanged`)); gap = 0; };
  lines.forEach(([mark, text], i) => {
    if (mark !== "+") old++;
    if (mark !== "-") now++;
    if (close.size && !close.has(i)) { gap++; return; }
    told();
    box.append(el("div" + { " ": "", "-": ".del", "+": ".add" }[mark], null,
      el("span.no", null, mark === "+" ? "" : old), el("span.no", null, mark === "-" ? "" : now), el("span", null, mark), el("span.t", null, text)));
  });
  told();
  return box;
}

// policySource shows a policy's manifest: one side, or the differences of both.
function policySource(p) {
  if (p.before && p.after && p.before !== p.after) return differences(p.before, p.after);
  return el("pre.data", { tabindex: "0" }, p.after || p.before || "");
}

function sourceTitle(p) {
  if (p.before && p.after && p.before !== p.after) return "before and after";
  if (p.change === "changed") return p.after ? "source of the candidate (the baseline's is not in the report)" : "source of the baseline (the candidate's is not in the report)";
  return { added: "source (added)", removed: "source (removed)" }[p.change] || "source";
}
