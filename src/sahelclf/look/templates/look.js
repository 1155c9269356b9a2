"use strict";
const $ = (q) => document.querySelector(q);
let model = {topics: [], stances: []}, all = [], shown = null, filter = new Set(), number = 0;

function el(tag, set = {}, ...inside) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(set)) {
    if (key === "hue") node.style.setProperty("--h", value);
    else if (key === "width") node.style.width = value;
    else node.setAttribute(key, value);
  }
  node.append(...inside);
  return node;
}
const hue = (topic) => Math.round(model.topics.indexOf(topic) * 360 / model.topics.length + 205) % 360;
const words = (name) => name.replaceAll("_", " ");
const percent = (p) => (p > 0 && p < .01 ? "<1" : p < 1 && p > .99 ? ">99" : Math.round(100 * p)) + " %";
const chip = (topic, extra = "") => el("span", {class: "chip", hue: hue(topic)}, words(topic) + extra);
const holding = (row) => model.topics.filter((t) => row.topics[t].holds);

function say(text, wrong = false) {
  $("#status").textContent = text;
  $("#status").className = wrong ? "wrong" : "";
}

async function post(address, body, type) {
  const answer = await fetch(address, {method: "POST", body, headers: {"content-type": type}});
  const value = await answer.json().catch(() => ({detail: "no answer in JSON"}));
  if (answer.ok) return value;
  const detail = value.detail;
  throw new Error(typeof detail === "string" ? detail : JSON.stringify(detail));
}

async function work(what, request) {
  const mine = ++number, began = performance.now();
  say(what + " …");
  try {
    const value = await request();
    if (mine !== number) return null;
    say(`Labelled in ${Math.round(performance.now() - began)} ms.`);
    return value;
  } catch (error) {
    if (mine === number) say(error instanceof TypeError ? "The server does not answer; is it still running?" : error.message, true);
    return null;
  }
}

async function labelText() {
  const text = $("#text").value;
  if (!text.trim()) { say("Paste a text first, or open a file.", true); $("#text").focus(); return; }
  const done = await work("Labelling", () => post("/api/explain", JSON.stringify({text, unit: "document"}), "application/json"));
  if (done) show([{row: done.row, why: done.why, text}]);
}

async function labelFile(file) {
  if (!file) return;
  const done = await work("Labelling " + file.name, () => post("/api/file?name=" + encodeURIComponent(file.name), file, "application/octet-stream"));
  if (!done) return;
  const notes = [];
  if (done.more) notes.push("Only the first rows are shown; label the whole file with: sahelclf predict");
  if (done.rejects.length) notes.push(`${done.rejects.length} not labelled: ${done.rejects[0]}`);
  if (!done.rows.length) { say(notes.join(" ") || "Nothing to label in it.", true); return; }
  if (notes.length) say($("#status").textContent + " " + notes.join(" "), done.rejects.length > 0);
  show(done.rows.map((r) => ({...r, name: done.rows.length === 1 ? file.name : ""})));
}

function show(rows) {
  all = rows;
  const nav = $("#rows");
  nav.replaceChildren(...(rows.length > 1 ? rows.map((r, k) => {
    const button = el("button", {type: "button"}, `${r.row.id}: ${holding(r.row).map(words).join(", ") || "no topic"}`);
    button.onclick = () => select(k);
    return button;
  }) : []));
  nav.hidden = rows.length < 2;
  $("#result").hidden = false;
  select(0);
  $("#result").focus({preventScroll: true});
  $("#result").scrollIntoView({block: "start"});
}

function select(k) {
  shown = all[k];
  [...$("#rows").children].forEach((b, i) => b.setAttribute("aria-current", String(i === k)));
  const {row} = shown, holds = holding(row), passages = row.passages || [{...row, text: shown.text}];
  $("#title").textContent = row.title || shown.name || (row.passages ? "Untitled text" : row.id);
  const dropped = row.dropped || [];
  $("#facts").textContent = [row.date, row.language === "und" ? "language unknown" : row.language,
    `${passages.length} passage${passages.length === 1 ? "" : "s"}`,
    row.passages ? `${dropped.length} dropped` : "", row.stories > 1 ? `looks like a list of ${row.stories} stories` : "",
    holds.length ? "" : "no topic holds"].filter(Boolean).join(" · ");
  $("#topics tbody").replaceChildren(...[...model.topics].sort((a, b) => row.topics[b].holds - row.topics[a].holds).map((t) => topicRow(t, row)));
  document.querySelectorAll(".st").forEach((n) => { n.hidden = !model.stances.length; });
  $("#filters").replaceChildren(...(passages.length > 1 ? [el("span", {class: "soft"}, "Show passages of"), ...model.topics.map(filterButton)] : []));
  $("#passages").replaceChildren(...passages.map((p, i) => passage(p, i, row)));
  $("#dropped").hidden = !row.passages;
  $("#dropped summary").textContent = dropped.length ? `Dropped from the page: ${dropped.length}` : "Nothing was dropped from the page";
  $("#dropped ul").replaceChildren(...dropped.map((d) => el("li", {}, el("b", {}, d.reason + ": "), d.text)));
  $("#json pre").textContent = JSON.stringify(row, null, 1);
  apply();
}

function stanceParts(t) {
  const p = t.stance_probability, names = model.stances;
  const shares = names.map((s, i) => el("i", {class: "p" + i % 3, width: 100 * p[s] + "%"}));
  const text = names.map((s) => `${s} ${percent(p[s])}`).join(" · ");
  return [el("span", {class: "parts", "aria-hidden": "true"}, ...shares), el("span", {class: "num"}, text)];
}

function topicRow(topic, row) {
  const t = row.topics[topic], stance = el("td", {class: "st"}), evidence = el("td");
  if (t.holds && model.stances.length) stance.append(el("strong", {}, t.stance), ...stanceParts(t));
  if (!t.holds) stance.append("does not hold");
  if (t.holds && row.passages) evidence.append(el("a", {href: "#passage-" + t.evidence}, `see passage ${t.evidence + 1}`));
  const bar = el("span", {class: "bar", "aria-hidden": "true"}, el("i", {width: 100 * t.probability + "%"}));
  return el("tr", {class: t.holds ? "yes" : "no"}, el("td", {}, chip(topic)), el("td", {}, el("span", {class: "num"}, percent(t.probability)), bar), stance, evidence);
}

function filterButton(topic) {
  const button = el("button", {type: "button", "aria-pressed": String(filter.has(topic)), "data-topic": topic}, words(topic));
  button.onclick = () => { filter.has(topic) ? filter.delete(topic) : filter.add(topic); remember(); apply(); };
  return button;
}

function passage(p, i, row) {
  const holds = holding(p), node = el("div", {class: "passage" + (holds.length ? " has" : ""), id: "passage-" + i, "data-topics": holds.join(" ")});
  if (holds.length) node.style.setProperty("--h", hue(holds[0]));
  const evidence = row.passages ? model.topics.filter((t) => row.topics[t].holds && row.topics[t].evidence === i) : [];
  const head = el("div", {class: "row"}, el("span", {class: "soft"}, String(i + 1)), ...holds.map((t) => chip(t, ` ${percent(p.topics[t].probability)}${p.topics[t].stance ? " · " + p.topics[t].stance : ""}`)));
  if (evidence.length) head.append(el("span", {class: "mark"}, "evidence of " + evidence.map(words).join(", ")));
  node.append(head, el("p", {class: "text"}, p.text));
  const reasons = why(p, i, row, holds);
  if (reasons.length) node.append(el("details", {}, el("summary", {}, "Why"), ...reasons));
  return node;
}

function why(p, i, row, holds) {
  const {terms, left_out: without} = shown.why, lines = [];
  for (const t of holds) {
    const of = terms[i] && terms[i][t];
    if (of && of.length) lines.push(el("p", {}, chip(t), " words that added most: ", of.map(([w, v]) => `${w} (+${v.toFixed(2)})`).join(", ")));
    if (model.stances.length) lines.push(el("p", {}, `Stance on ${words(t)} here: `, ...stanceParts(p.topics[t])));
  }
  const changes = Object.entries(without).filter(([t]) => row.topics[t].holds);
  for (const [t, values] of changes) {
    lines.push(el("p", {}, `Without this passage ${words(t)} of the whole text: ${percent(row.topics[t].probability)} → ${percent(values[i])}`));
  }
  return lines;
}

function apply() {
  document.querySelectorAll("#filters button").forEach((b) => b.setAttribute("aria-pressed", String(filter.has(b.dataset.topic))));
  document.querySelectorAll(".passage").forEach((n) => { n.hidden = filter.size > 0 && !n.dataset.topics.split(" ").some((t) => filter.has(t)); });
}

function remember() {
  history.replaceState(null, "", filter.size ? "#topics=" + [...filter].join(",") : location.pathname);
}

function recall() {
  const named = /^#topics=(.*)$/.exec(location.hash);
  if (named) filter = new Set(decodeURIComponent(named[1]).split(",").filter((t) => model.topics.includes(t)));
  const target = /^#passage-\d+$/.test(location.hash) && $(location.hash);
  if (target && target.hidden) { filter.clear(); apply(); target.scrollIntoView(); }
  if (shown) apply();
}

$("#form").onsubmit = (event) => { event.preventDefault(); labelText(); };
$("#text").onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); labelText(); } };
$("#file").onchange = (event) => { labelFile(event.target.files[0]); event.target.value = ""; };
$("#example").onclick = () => {
  $("#text").value = "Talks open in the capital\n\nThe military government recalled its ambassador on Sunday in protest at what it called interference, and the foreign ministry summoned the envoy of the regional bloc.\n\nThe bloc said its sanctions on banks and flights would stay until a date for elections is set. Residents queued at markets as prices rose.\n\nIn the north, gunmen on motorbikes attacked a village near the border and killed eleven people, a local official said.";
  labelText();
};
$("#save").onclick = () => {
  const link = el("a", {href: URL.createObjectURL(new Blob([JSON.stringify(shown.row) + "\n"], {type: "application/json"})), download: "labels.json"});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
$("#share").onclick = async () => {
  try { await navigator.clipboard.writeText(location.href); say("The link is copied. It holds the filter, not the text."); }
  catch { say("Copy the address of this page: " + location.href); }
};
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("drop", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) labelFile(event.dataTransfer.files[0]);
  });
}
window.onhashchange = recall;
fetch("/api/model").then((a) => a.json()).then((value) => { model = value; recall(); document.body.dataset.ready = "true"; });
