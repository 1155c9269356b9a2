"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const T = D.topics.length, S = D.stances.length;
const WORDS = { missed: "missed", false: "false", wrong: "wrong stance", right: "right", none: "none" };
const KINDS = [["error", "any error"], ["missed", "missed topic"], ["false", "false topic"], ["wrong", "wrong stance"], ["right", "all correct"], ["all", "all"]]
  .filter(([kind]) => S || kind !== "wrong");
const AT_ONCE = 25, NAMED = 4;
const FUNCTION_WORDS = new Set(D.function_words);
const form = document.getElementById("filters"), list = document.getElementById("list");
let shown = [], drawn = 0, current = -1;

/* every text goes into the page as a text node */
function el(name, options = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") node.className = value;
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}
const plain = (name) => name.replaceAll("_", " ");
const answerName = (stance) => (S ? plain(D.stances[stance]) : "yes"); // of a topic that holds
const share = (thousandths) => (thousandths / 1000).toFixed(2);
const signed = (thousandths) => (thousandths < 0 ? "−" : "+") + (Math.abs(thousandths) / 1000).toFixed(3);
const number = (n) => n.toLocaleString("en");
const headName = (head) => (head < T ? plain(D.topics[head]) : `${plain(D.topics[Math.floor((head - T) / S)])} = ${plain(D.stances[(head - T) % S])}`);

/* the errors in each passage, topic by topic */
function byTopic(labels) {
  const topics = Array(T).fill(null);
  for (const [k, s, b] of labels) topics[k] = { stance: s, basis: b };
  return topics;
}
for (const [n, r] of D.rows.entries()) {
  r.n = n;
  r.document = D.documents[r.d];
  r.gold = byTopic(r.g);
  r.coders = r.a.map((labels) => labels && byTopic(labels));
  r.topics = D.topics.map((_, k) => {
    const stances = r.s.slice(k * S, k * S + S), stance = stances.indexOf(Math.max(...stances));
    const predicted = r.h.includes(k), gold = r.gold[k];
    const status = !gold ? (predicted ? "false" : "none") : !predicted ? "missed" : gold.stance === stance ? "right" : "wrong";
    const p = r.p[k];
    const q = S ? stances[stance] : 1000;
    const confident = { missed: 1000 - p, none: 1000 - p, false: p, wrong: q, right: Math.min(p, q) }[status];
    return { status, confident, predicted, stance, stances, p };
  });
  r.differ = D.topics.map((_, k) => r.coders.every((c) => c) && r.coders.some((c) => (c[k] ? c[k].stance : -1) !== (r.coders[0][k] ? r.coders[0][k].stance : -1)));
  const d = r.document;
  r.search = [r.i, d.title, d.outlet, r.x].filter(Boolean).join(" ").toLowerCase();
}

/* filters, kept in the address */
function options(select, pairs) {
  for (const [value, text] of pairs) select.append(el("option", { value }, text));
}
function valuesOf(get) {
  const count = new Map();
  for (const r of D.rows) for (const v of get(r.document)) count.set(v, (count.get(v) || 0) + 1);
  return [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([v, n]) => [v, `${plain(v)} (${number(n)})`]);
}
const one = (value) => (value ? [value] : []);
options(form.topic, [["", "any topic"], ...D.topics.map((t) => [t, plain(t)])]);
options(form.kind, KINDS);
options(form.stance, [["", "any"], ...D.stances.map((s) => [s, plain(s)])]);
options(form.basis, [["", "any"], ...D.bases.map((b) => [b, plain(b)])]);
options(form.country, [["", "any"], ...valuesOf((d) => d.countries || [])]);
options(form.genre, [["", "any"], ...valuesOf((d) => one(d.genre))]);
options(form.stratum, [["", "any"], ...valuesOf((d) => one(d.stratum))]);
options(form.annotators, [["", "any"], ["differed", "differed"], ["agreed", "agreed"]]);
options(form.sort, [["sure", "most confident"], ["unsure", "least confident"], ["corpus", "corpus order"]]);
const FIELDS = ["topic", "kind", "stance", "basis", "country", "genre", "stratum", "annotators", "sort", "q"];
const defaults = Object.fromEntries(FIELDS.map((f) => [f, f === "kind" ? "error" : f === "sort" ? "sure" : ""]));

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const f of FIELDS) {
    const value = given.get(f) ?? defaults[f];
    form[f].value = value;
    if (form[f].value !== value) form[f].value = defaults[f];
  }
  return given.get("at");
}
function writeAddress() {
  const given = new URLSearchParams();
  for (const f of FIELDS) if (form[f].value !== defaults[f]) given.set(f, form[f].value);
  if (current >= 0) given.set("at", shown[current].i);
  if (/^(file|https?):/.test(location.protocol)) history.replaceState(null, "", `#${given}`);
}

/* The confidence of the model in the topics that the filters select; null where the passage does not match. */
function confidence(r, kind, want) {
  const d = r.document;
  if (want.country && !(d.countries || []).includes(want.country)) return null;
  if ((want.genre && d.genre !== want.genre) || (want.stratum && d.stratum !== want.stratum)) return null;
  if (!want.q.every((word) => r.search.includes(word))) return null;
  const scope = want.topic < 0 ? r.topics.map((_, k) => k) : [want.topic];
  if (want.annotators) {
    if (!r.coders.length || r.coders.some((c) => !c)) return null;
    if (scope.some((k) => r.differ[k]) !== (want.annotators === "differed")) return null;
  }
  const of = scope.filter((k) => {
    const gold = r.gold[k], t = r.topics[k];
    if (want.basis >= 0 && !(gold && gold.basis === want.basis)) return false;
    return want.stance < 0 || (gold && gold.stance === want.stance) || (t.predicted && t.stance === want.stance);
  });
  const narrow = want.topic >= 0, narrower = want.basis >= 0 || want.stance >= 0;
  const wrong = scope.some((k) => ["missed", "false", "wrong"].includes(r.topics[k].status));
  let kept;
  if (kind === "right") {
    kept = wrong ? [] : narrow || narrower ? of.filter((k) => r.topics[k].status === "right") : scope;
    return kept.length ? Math.min(...kept.map((k) => r.topics[k].confident)) : null;
  }
  if (kind === "all") {
    kept = narrow || narrower ? of.filter((k) => r.topics[k].status !== "none") : scope;
    const errors = kept.filter((k) => ["missed", "false", "wrong"].includes(r.topics[k].status));
    return kept.length ? Math.max(0, ...errors.map((k) => r.topics[k].confident)) : null;
  }
  kept = of.filter((k) => (kind === "error" ? ["missed", "false", "wrong"].includes(r.topics[k].status) : r.topics[k].status === kind));
  return kept.length ? Math.max(...kept.map((k) => r.topics[k].confident)) : null;
}
function choose(at) {
  const want = {
    topic: D.topics.indexOf(form.topic.value), stance: D.stances.indexOf(form.stance.value), basis: D.bases.indexOf(form.basis.value),
    country: form.country.value, genre: form.genre.value, stratum: form.stratum.value, annotators: form.annotators.value,
    q: form.q.value.toLowerCase().split(/\s+/).filter(Boolean),
  };
  const kinds = Object.fromEntries(KINDS.map(([k]) => [k, []]));
  for (const r of D.rows) {
    for (const [kind] of KINDS) {
      const confident = confidence(r, kind, want);
      if (confident !== null) kinds[kind].push([r, confident]);
    }
  }
  for (const option of form.kind.options) {
    option.textContent = `${KINDS.find(([k]) => k === option.value)[1]} (${number(kinds[option.value].length)})`;
  }
  const rows = kinds[form.kind.value], way = { sure: -1, unsure: 1, corpus: 0 }[form.sort.value];
  shown = rows.sort((a, b) => way * (a[1] - b[1]) || a[0].n - b[0].n).map(([r]) => r);
  for (const f of FIELDS) form[f].classList.toggle("set", form[f].value !== defaults[f]);
  document.getElementById("count").textContent = `${number(shown.length)} of ${number(D.rows.length)} passages` + (shown.length ? "" : ": none matches; clear a filter");
  list.replaceChildren();
  drawn = 0;
  current = at ? shown.findIndex((r) => r.i === at) : -1;
  draw(Math.max(AT_ONCE, current + 1));
  if (current >= 0) go(current);
}

/* cards, drawn as they are needed */
function draw(upTo) {
  const until = Math.min(upTo, shown.length), fragment = document.createDocumentFragment();
  for (; drawn < until; drawn += 1) fragment.append(card(shown[drawn], drawn));
  list.append(fragment);
}
function label(given) {
  if (!given) return "no";
  const nodes = [answerName(given.stance)];
  if (given.basis >= 0) nodes.push(el("span", { class: "bases" }, ` (${plain(D.bases[given.basis])})`));
  return el("span", {}, ...nodes);
}
function bar(thousandths) {
  const fill = el("i");
  fill.style.width = `${thousandths / 10}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, fill);
}
function topicRow(r, k) {
  const t = r.topics[k], answer = t.predicted ? answerName(t.stance) : "no";
  const stances = t.stances.map((p, j) => `${plain(D.stances[j])} ${share(p)}`).join(", ");
  return el("tr", { class: t.status },
    el("th", { scope: "row" }, plain(D.topics[k])),
    el("td", { class: "verdict" }, WORDS[t.status]),
    el("td", { "data-name": "gold" }, label(r.gold[k])),
    el("td", { "data-name": "model" }, answer),
    el("td", { class: "n", "data-name": "probability" }, bar(t.p), share(t.p)),
    S ? el("td", { class: "n stances", "data-name": "stances" }, stances) : null,
    ...r.coders.map((c, n) => el("td", { "data-name": `annotator ${D.annotators[n]}` }, c ? label(c[k]) : "not labelled")),
  );
}
function card(r, n) {
  const d = r.document, id = `p${r.n}`;
  const meta = [d.outlet, d.date, (d.countries || []).join(", "), d.genre && plain(d.genre), d.stratum && plain(d.stratum), r.i].filter(Boolean).join(" · ");
  const link = /^https?:\/\//.test(d.url || "") ? el("a", { href: d.url, rel: "noreferrer noopener", target: "_blank" }, "source") : null;
  const text = el("p", { class: "text", dir: "auto" }, r.x);
  const heads = ["topic", "verdict", "gold", "model", "probability", ...(S ? ["stance, if it holds"] : []), ...D.annotators.map((a) => `annotator ${a}`)];
  const labels = el("table", { class: "labels" },
    el("thead", {}, el("tr", {}, ...heads.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, ...D.topics.map((_, k) => topicRow(r, k))),
  );
  const article = el("article", { tabindex: "-1", "aria-labelledby": id },
    el("h2", { id, dir: "auto" }, d.title || d.id),
    el("p", { class: "meta" }, meta, link ? " · " : "", link || ""),
    text, labels,
  );
  if (r.w) article.append(why(r, text));
  article.addEventListener("focusin", () => { if (current !== n) { current = n; writeAddress(); } });
  return article;
}

/* the terms of the final model */
function firstHead(r) {
  const chosen = D.topics.indexOf(form.topic.value);
  const order = D.topics.map((_, k) => k).sort((a, b) => r.topics[b].p - r.topics[a].p);
  const k = chosen >= 0 ? chosen : [...order].find((i) => ["missed", "false", "wrong"].includes(r.topics[i].status)) ?? order[0];
  return r.topics[k].status === "wrong" ? T + k * S + r.topics[k].stance : k;
}
function why(r, text) {
  const select = el("select"), body = el("div"), line = el("span"), both = el("p", { class: "meta" });
  for (const [n, w] of r.w.entries()) select.append(el("option", { value: n }, headName(w[0])));
  const show = () => {
    const w = r.w[Number(select.value)];
    const pairs = [];
    for (let i = 2; i < w.length; i += 2) pairs.push([w[i], w[i + 1]]);
    const words = wordsOf(r.x, pairs), pro = named(r.x, words, 1), con = named(r.x, words, -1);
    paint(text, r.x, words);
    const parts = [pro && `for: ${pro}`, con && `against: ${con}`].filter(Boolean);
    line.textContent = `${headName(w[0])}: words ${parts.join("; ") || "that decide: none"}`;
    const k = w[0] < T ? w[0] : Math.floor((w[0] - T) / S), logistic = 1 / (1 + Math.exp(-w[1] / 1000));
    const cross = w[0] < T ? ` ${logistic.toFixed(2)}; cross-fitted, as in the table above, it is ${share(r.topics[k].p)}` : "";
    both.textContent = `These words and terms are of the final model, which was trained on this passage too. Its ${w[0] < T ? "probability is" : "logit is " + signed(w[1])}${cross}.`;
    body.replaceChildren(termTable(w, pairs));
  };
  select.value = String(Math.max(0, r.w.findIndex((w) => w[0] === firstHead(r))));
  select.addEventListener("change", show);
  const box = el("details", { class: "why" }, el("summary", {}, line), el("label", {}, "Label", select), both, body);
  show();
  return box;
}
function termTable(w, pairs) {
  const total = pairs.reduce((sum, [, v]) => sum + v, 0), rest = w[1] - total - D.intercept[w[0]];
  const row = (name, value, kind) => el("tr", { class: kind || null }, el("th", { scope: "row" }, name), el("td", { class: "n" }, signed(value)));
  const term = ([t, v]) => row(el("span", {}, el("code", {}, D.terms[t][1].replaceAll(" ", D.analyzers[D.terms[t][0]] === "word" ? " " : "␣")), el("span", { class: "bases" }, ` ${D.terms[t][0]}`)), v);
  return el("table", { class: "terms" },
    el("caption", {}, "What each term adds to the logit (its value in this passage times its weight)"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "term"), el("th", { scope: "col", class: "n" }, "adds"))),
    el("tbody", {}, ...pairs.map(term), row("the rest of the terms", rest), row("intercept", D.intercept[w[0]]),
      row(`logit; probability ${(1 / (1 + Math.exp(-w[1] / 1000))).toFixed(3)}`, w[1], "total")),
  );
}
/* lower case and without marks, as the model reads it, with the place of every character in the text */
function normalised(text) {
  const letters = [], places = [];
  let place = 0;
  for (const c of text) {
    for (const l of c.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "")) { letters.push(l); places.push([place, place + c.length]); }
    place += c.length;
  }
  return { letters, places };
}
function runs(letters, inside) {
  const spans = [];
  for (let i = 0; i < letters.length; i += 1) {
    if (!inside.test(letters[i])) continue;
    let j = i;
    while (j < letters.length && inside.test(letters[j])) j += 1;
    spans.push([i, j]);
    i = j;
  }
  return spans;
}
function occurrences(term, analyzer, letters, words, chunks) {
  const spans = [];
  if (analyzer === "word") {
    const parts = term.split(" ");
    for (let i = 0; i + parts.length <= words.length; i += 1) {
      if (parts.every((p, k) => letters.slice(...words[i + k]).join("") === p)) spans.push([words[i][0], words[i + parts.length - 1][1]]);
    }
    return spans;
  }
  const wanted = [...term], n = wanted.length;
  for (const [a, b] of chunks) {
    const padded = [" ", ...letters.slice(a, b), " "];
    for (let k = 0; k + n <= padded.length; k += 1) {
      if (wanted.every((l, j) => padded[k + j] === l)) spans.push([Math.max(a, a + k - 1), Math.min(b, a + k - 1 + n)]);
    }
  }
  return spans;
}
/* the content words of a text with what the terms that lie in them add, the largest first */
function wordsOf(text, pairs) {
  const { letters, places } = normalised(text);
  const words = runs(letters, /[\p{L}\p{N}_]/u).filter(([a, b]) => b - a > 1), chunks = runs(letters, /\S/u);
  const weight = new Float64Array(letters.length);
  for (const [t, value] of pairs) {
    const [block, term] = D.terms[t], spans = occurrences(term, D.analyzers[block], letters, words, chunks);
    for (const [a, b] of spans) for (let i = a; i < b; i += 1) weight[i] += value / spans.length / (b - a);
  }
  return words
    .filter(([a, b]) => !FUNCTION_WORDS.has(letters.slice(a, b).join("")))
    .map(([a, b]) => ({ start: places[a][0], end: places[b - 1][1], weight: weight.slice(a, b).reduce((sum, v) => sum + v, 0) }))
    .filter((w) => Math.abs(w.weight) > 1e-9)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
}
function paint(node, text, words) {
  const most = words.length ? Math.abs(words[0].weight) : 0, nodes = [];
  let done = 0;
  for (const w of words.filter((v) => Math.abs(v.weight) > most / 20).sort((a, b) => a.start - b.start)) {
    const strength = Math.abs(w.weight) > most / 4 ? 2 : 1;
    nodes.push(text.slice(done, w.start), el("mark", { class: `${w.weight > 0 ? "for" : "against"} m${strength}` }, text.slice(w.start, w.end)));
    done = w.end;
  }
  node.replaceChildren(...nodes, text.slice(done));
}
/* the words that add most, each once */
function named(text, words, sign) {
  const names = words.filter((w) => Math.sign(w.weight) === sign).map((w) => text.slice(w.start, w.end).toLowerCase());
  return [...new Set(names)].slice(0, NAMED).join(", ");
}

/* moving about */
function go(n) {
  if (n < 0 || n >= shown.length) return;
  draw(n + 1);
  current = n;
  const node = list.children[n];
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "start" });
  writeAddress();
}
const help = document.getElementById("help");
const keys = {
  j: () => go(current + 1),
  k: () => go(current - 1),
  e: () => { const box = current >= 0 && list.children[current].querySelector(".why"); if (box) box.open = !box.open; },
  "/": () => form.q.focus(),
  "?": () => help.showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.key === "Escape" && event.target === form.q) { event.preventDefault(); form.q.blur(); }
  if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
const changed = () => { choose(null); writeAddress(); };
form.addEventListener("change", (event) => { if (event.target !== form.q) changed(); });
form.q.addEventListener("input", changed);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", (event) => { event.preventDefault(); for (const f of FIELDS) form[f].value = defaults[f]; changed(); });
const more = document.getElementById("more"), rest = document.getElementById("rest");
const openRest = (open) => { rest.classList.toggle("open", open); more.setAttribute("aria-expanded", String(open)); more.textContent = open ? "Fewer filters" : "More filters"; };
more.addEventListener("click", () => openRest(!rest.classList.contains("open")));
document.getElementById("ask").addEventListener("click", () => help.showModal());
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); list.focus(); });
window.addEventListener("hashchange", () => choose(readAddress()));
new IntersectionObserver((seen) => { if (seen.some((s) => s.isIntersecting)) draw(drawn + AT_ONCE); }, { rootMargin: "1500px" }).observe(document.getElementById("end"));

document.getElementById("about").textContent = Object.entries(D.about).map(([k, v]) => `${k} ${v}`).join(" · ") + (D.left_out ? ` · ${number(D.left_out)} passages are left out, first those without an error` : "");
for (const node of document.querySelectorAll(".linear")) node.hidden = !D.intercept.length;
for (const f of ["stance", "basis", "country", "genre", "stratum", "annotators"]) form[f].closest("label").hidden = f === "annotators" ? D.annotators.length < 2 : form[f].options.length < 2;
choose(readAddress());
