// The filters, and the list of what passes them, a page at a time.

const pageSize = 100;
let shown = pageSize;

const fieldWords = { class: "Change", policy: "Policy", cluster: "Cluster", namespace: "Namespace", team: "Team", bite: "Bites" };

// choice is a filter's value in words.
function choice(field, value) {
  if (field === "class") return say(classes, value);
  if (field === "bite") return say(bites, value);
  if (field === "policy" && policyOf.has(value)) return refName(policyOf.get(value).policy);
  if (field === "namespace" && value === none) return place("");
  return value;
}

const order = { class: Object.keys(classes), bite: Object.keys(bites), cluster: report.clusters.map((c) => c.name), policy: [...policyOf.keys()] };

// options lists a filter's values with how many workloads each would leave.
function options(field) {
  const tally = new Map();
  for (const w of found(field)) for (const value of valuesOf[field](w)) tally.set(value, (tally.get(value) || 0) + 1);
  if (state[field] && !tally.has(state[field])) tally.set(state[field], 0);
  const rank = (v) => { const i = (order[field] || []).indexOf(v); return i < 0 ? Infinity : i; };
  return [...tally].sort(([a], [b]) => (rank(a) === rank(b) ? (a < b ? -1 : 1) : rank(a) - rank(b)));
}

function select(field) {
  const node = el("select", { name: field, onchange: () => set({ [field]: node.value }) });
  watch(() => {
    node.classList.toggle("on", Boolean(state[field]));
    node.replaceChildren(el("option", { value: "" }, "all"),
      ...options(field).map(([value, n]) => { const o = el("option", null, `${choice(field, value)} (${number(n)})`); o.value = value; return o; }));
    node.value = state[field];
  });
  return el("label", null, fieldWords[field], node);
}

function drawFilters() {
  const search = el("input", { type: "search", placeholder: "name, message, rule, user … ( / )", autocomplete: "off", spellcheck: "false" });
  let timer = 0;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => set({ q: search.value.trim() }), 120); });
  watch(() => { if (document.activeElement !== search) search.value = state.q; });
  const clear = el("button", { type: "button", onclick: () => { search.value = ""; set(Object.fromEntries(all.map((f) => [f, ""]))); } }, "Clear");
  $("filters").append(el("label.q", null, "Search", search), ...fields.map(select), clear);
  $("filters").addEventListener("submit", (e) => e.preventDefault());
  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && !e.ctrlKey && !e.metaKey && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { e.preventDefault(); search.focus(); }
    if (e.key === "Escape" && document.activeElement === search) { search.value = ""; set({ q: "" }); }
  });
}

function row(w) {
  const cls = state.class && w.requests[state.class] ? state.class : w.findings.length ? w.findings[0].class : worst(w.requests);
  const others = present(w.requests).length - 1;
  const why = w.findings.find((f) => f.class === cls && (f.message || f.reason));
  const summary = el("summary", null,
    el("span", null, pill(cls), others > 0 && el("span.more", { title: present(w.requests).map((c) => classes[c]).join(", ") }, ` +${others}`)),
    el("span.what.data", null, el("i", null, w.kind + " "), w.namespace && el("i", null, brief(w.namespace) + "/"), brief(w.name)),
    el("span.where.data", null, [w.cluster, w.team, w.bites && w.bites.length && say(bites, w.bites[0])].filter(Boolean).map(brief).join(" · ")));
  if (why) summary.append(el("span.why.data", null, oneLine(why.message || why.reason)));
  const node = el("details.row", null, summary);
  node.addEventListener("toggle", () => { if (node.open && node.childElementCount === 1) node.append(workloadDetail(w)); });
  return el("li", null, node);
}

// oneLine is a message's beginning; Kyverno leads every refusal with the same two lines.
function oneLine(text) {
  const said = text.slice(0, 1500).replace(/^resource \S+ was blocked due to the following policies\s*/, "");
  return said.replace(/\s+/g, " ").slice(0, 240);
}

function drawList() {
  const list = $("list");
  let last = [];
  const page = () => {
    list.append(...last.slice(list.childElementCount, shown).map(row));
    const rest = last.length - list.childElementCount;
    $("pager").replaceChildren();
    if (rest > 0) {
      $("pager").append(el("button", { type: "button", onclick: () => { const next = list.childElementCount; shown += pageSize; page(); list.children[next].querySelector("summary").focus(); } },
        `Show ${number(Math.min(rest, pageSize))} more of ${number(rest)}`));
    }
  };
  watch(() => {
    last = found();
    shown = pageSize;
    list.replaceChildren();
    page();
    if (state.workload && list.firstChild) list.firstChild.firstChild.open = true;
    const total = report.workloads.length;
    $("found").textContent = total === 0 ? "Nothing changes for any workload." : (last.length === total ? "" : number(last.length) + " of ") + count(total, "workload") + " with a change";
    $("nav").querySelector("a[href='#workloads'] .n").textContent = " " + (last.length === total ? "" : number(last.length) + " of ") + number(total);
  });
}
