// Building blocks. Data reaches the page through text nodes and attributes set by name,
// never as markup.

const $ = (id) => document.getElementById(id);

// Characters that would hide or reorder text are shown by name: controls as their
// pictures, invisible and direction marks as code points.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = (s) => String(s).replace(/\r\n/g, "\n").replace(hidden, (c) => {
  const code = c.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return "⟨U+" + code.toString(16).toUpperCase().padStart(4, "0") + "⟩";
});

// el("a.data", {href: "#x", onclick: f}, "text", child…) makes an element.
function el(spec, props, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "span");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) node.style.setProperty(key, value);
    else node.setAttribute(key, value === true ? "" : visible(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : document.createTextNode(visible(c)))));
  return node;
}

// data is somebody else's word, kept apart from ours in direction and line breaks.
const data = (text, spec = "span.data") => el(spec, null, text);

// long shows the beginning of a long text, and all of it when asked.
const longest = 4000;
function long(text, spec) {
  if (text.length <= longest) return el(spec, null, text);
  const node = el(spec, null, text.slice(0, longest) + "…");
  const all = el("button.link", { type: "button", onclick: () => { node.textContent = visible(text); all.remove(); } },
    `show all ${number(text.length)} characters`);
  return el("div", null, node, all);
}

// brief cuts a name that is too long to be one.
const brief = (s) => (s.length > 200 ? s.slice(0, 200) + "…" : s);

// fold is a section that is built when it is opened.
function fold(title, build, open) {
  const node = el("details.fold", { open: open || false }, el("summary", null, title));
  const fill = () => { if (node.open && node.childElementCount === 1) node.append(build()); };
  node.addEventListener("toggle", fill);
  fill();
  return node;
}

const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const count = (n, noun) => (n === 1 ? "1 " + noun : number(n) + " " + (noun.endsWith("y") ? noun.slice(0, -1) + "ies" : noun + "s"));
const when = (time) => time.slice(0, 16).replace("T", " ") + " UTC";
