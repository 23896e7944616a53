// Parts that every page is made of.

// section adds a part to the page and to the navigation.
function section(id, title, n, ...children) {
  $("sections").append(el("section", { id, "aria-labelledby": id + "-title" }, el("h2", { id: id + "-title" }, title), ...children));
  link(id, title.split(":")[0], n);
}

const link = (id, title, n) => $("nav").append(el("a", { href: "#" + id }, title, n !== undefined && el("span.n", null, " " + number(n))));

function table(headings, rows) {
  const cell = (tag) => (h) => (h instanceof Node ? h : el(tag + (h && h.num ? ".num" : ""), tag === "th" ? { scope: "col" } : null, h && h.num !== undefined ? h.num : h));
  return el("div.scroll", { tabindex: "0", role: "group", "aria-label": "table" }, el("table.grid", null,
    el("thead", null, el("tr", null, headings.map(cell("th")))), el("tbody", null, rows)));
}

const position = (file, line) => (line ? `${file}:${line}` : file);
