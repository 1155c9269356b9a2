"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const T = D.topics.length, N = D.units.length;
const IDLE_MS = 120000, MOST_LISTED = 200;
const COMMANDS = "jkuxngb";
const $ = (id) => document.getElementById(id);
const plain = (name) => name.replaceAll("_", " ");
const number = (n) => n.toLocaleString("en");
const count = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;
const READY = "all answered: Enter goes to the next open unit";
const WORDS = { open: "open", draft: "begun", done: "done", skipped: "skipped" };

/* every text goes into the page as a text node */
function el(name, options = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(options)) if (value !== null) node.setAttribute(key, value);
  node.append(...children.filter((c) => c !== null));
  return node;
}
const key = (name) => el("kbd", { "aria-hidden": "true" }, name);

/* what was answered: one record a unit, null where nothing was done */
const records = Array(N).fill(null), seconds = Array(N).fill(0), history = [];
let annotator = D.annotator, at = 0, current = 0, changed = false, noteOpen = false;
const unitKey = (u) => (D.decide ? `${u.round}:${u.id}` : u.id);
const place = new Map(D.units.map((u, i) => [unitKey(u), i]));
const agreed = D.units.map((u) => D.topics.map((t) => (u.given && u.given.every((g) => g[t.name] === u.given[0][t.name]) ? u.given[0][t.name] : null)));
const answer = (i, k) => (records[i] && records[i].answers[k]) || agreed[i][k];
const complete = (i) => D.topics.every((_, k) => answer(i, k));
function state(i) {
  const r = records[i];
  if (!r) return "open";
  if (r.skipped !== null) return "skipped";
  return complete(i) && (!D.decide || r.note.trim()) ? "done" : "draft";
}

/* the browser's storage: one entry a unit, by batch and annotator */
let stored = true;
const prefix = () => `sahelclf:${D.batch}:${D.decide ? "decisions" : annotator || ""}:`;
function keep(name, value) {
  if (!stored) return;
  try {
    if (value === null) localStorage.removeItem(prefix() + name);
    else localStorage.setItem(prefix() + name, value);
  } catch {
    storageOff();
  }
}
function kept(name) {
  try {
    return stored ? localStorage.getItem(prefix() + name) : null;
  } catch {
    storageOff();
    return null;
  }
}
function storageOff() {
  stored = false;
  $("warning").textContent = "This browser does not keep your work for this page: its storage is off or full. Save the file before you close the page, and load it to go on.";
  $("warning").hidden = false;
}
const flags = { annotator: "name", at: "at", changed: "changed" };
function isRecord(r) {
  return r && Array.isArray(r.answers) && r.answers.length === T && r.answers.every((a) => a === null || D.choices.includes(a))
    && typeof r.note === "string" && (r.skipped === null || typeof r.skipped === "string") && typeof r.seconds === "number";
}
function restore(i) {
  let r = null;
  try {
    r = JSON.parse(kept(`unit:${unitKey(D.units[i])}`));
  } catch { /* an entry that this page did not write counts as none */ }
  records[i] = isRecord(r) ? r : null;
  seconds[i] = records[i] ? records[i].seconds : 0;
}
function put(i) {
  if (records[i]) records[i].seconds = Math.round(seconds[i] * 10) / 10;
  keep(`unit:${unitKey(D.units[i])}`, records[i] && JSON.stringify(records[i]));
}
function setChanged(value) {
  changed = value;
  keep(flags.changed, value ? "1" : null);
  $("unsaved").textContent = value ? "not saved to a file" : "";
}
function remember(rows) {
  history.push(rows.map((i) => [i, records[i] && JSON.stringify(records[i])]));
}
function change(i, edit) {
  remember([i]);
  records[i] = records[i] || { answers: Array(T).fill(null), note: "", skipped: null, seconds: 0 };
  edit(records[i]);
  commit(i);
}
function commit(i) {
  const r = records[i];
  if (r && r.skipped === null && !r.note && r.answers.every((a) => a === null)) records[i] = null;
  tick();
  put(i);
  setChanged(true);
}

/* time on a unit: only while the window is visible, and at most two minutes without an event */
let since = performance.now();
function tick() {
  const now = performance.now();
  if (N) seconds[at] += Math.min(now - since, IDLE_MS) / 1000;
  since = now;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    tick();
    if (records[at]) put(at);
  } else since = performance.now();
});
for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) document.addEventListener(name, () => { if (!document.hidden) tick(); }, { passive: true, capture: true });

/* topics: built once, filled in for each unit */
const letters = [];
for (const t of D.topics) {
  const free = (c) => /[a-z]/.test(c) && !COMMANDS.includes(c) && !letters.includes(c);
  letters.push([...t.name, ..."abcdefghijklmnopqrstuvwxyz"].find(free) || "");
}
const boxes = D.topics.map((t, k) => {
  const differ = el("span", { class: "differ", id: `d${k}`, hidden: "" }, "differs");
  const labels = D.choices.map((choice, c) => {
    const input = el("input", { type: "radio", name: `t${k}`, value: choice, autocomplete: "off", "aria-keyshortcuts": c < 9 ? String(c + 1) : null });
    const given = el("span", { class: "given", hidden: "" });
    input.addEventListener("change", () => choose(k, choice));
    return { choice, input, given, label: el("label", {}, input, c < 9 ? key(c + 1) : null, plain(choice), given) };
  });
  const definition = el("button", { type: "button", class: "link", "aria-label": `Definition of ${plain(t.name)}`, "aria-haspopup": "dialog" }, "definition");
  definition.addEventListener("click", () => openCodebook(k));
  const node = el("div", { class: "topic", role: "radiogroup", "aria-labelledby": `n${k}`, "aria-describedby": `d${k}`, "aria-required": "true" },
    el("h3", {}, letters[k] ? key(letters[k]) : null, el("span", { id: `n${k}` }, plain(t.name)), differ, definition),
    el("div", { class: "choices" }, ...labels.map((l) => l.label)));
  node.addEventListener("focusin", () => setCurrent(k));
  $("topics").append(node);
  return { node, labels, differ };
});
function meaning(t, heading) {
  const stances = Object.keys(D.stances);
  const lines = stances.flatMap((s, n) => [el("dt", {}, plain(s)), el("dd", {}, t.meanings[n])]);
  return [
    el("h3", {}, heading),
    el("p", {}, el("b", {}, "Holds: "), t.holds),
    t.target ? el("p", {}, el("b", {}, "Stance towards: "), t.target) : null,
    lines.length ? el("dl", {}, ...lines) : null,
  ].filter(Boolean);
}
function openCodebook(k) {
  const sections = D.topics.map((t) => el("section", {}, ...meaning(t, plain(t.name))));
  const general = Object.entries(D.stances).flatMap(([s, means]) => [el("dt", {}, plain(s)), el("dd", {}, means)]);
  $("definitions").replaceChildren(
    el("p", {}, `Each topic needs one answer: no where it does not hold, else ${D.choices.slice(1).map(plain).join(", ")}.`),
    general.length ? el("dl", {}, ...general) : "", ...sections);
  $("codebook").showModal();
  if (k !== null) sections[k].scrollIntoView();
}
function setCurrent(k) {
  current = k;
  boxes.forEach((b, j) => b.node.classList.toggle("current", j === k));
  $("definition").replaceChildren(...meaning(D.topics[k], plain(D.topics[k].name)));
}
function firstWithout(i, from) {
  for (let step = 0; step < T; step += 1) if (!answer(i, (from + step) % T)) return (from + step) % T;
  return -1;
}

/* the unit on the screen */
function say(text) {
  $("live").textContent = text;
}
function paragraphs(text) {
  return text.split(/\n[ \t]*\n/).filter((p) => p.trim()).map((p) => el("p", { dir: "auto" }, p));
}
function title(i) {
  return D.units[i].title || `Unit ${number(i + 1)}`;
}
function show(i, focus = true) {
  leave();
  at = i;
  noteOpen = false;
  keep(flags.at, String(i));
  const u = D.units[i];
  $("heading").textContent = title(i);
  $("text").replaceChildren(...paragraphs(u.text));
  if (D.language) for (const id of ["heading", "text"]) $(id).lang = D.language;
  $("note").value = records[i] ? records[i].note : "";
  setCurrent(Math.max(0, firstWithout(i, 0)));
  update();
  if (!focus) return;
  window.scrollTo(0, 0);
  $("answers").scrollTop = $("reading").scrollTop = 0;
  if ($("answers").scrollHeight > $("answers").clientHeight + 1) boxes[current].node.scrollIntoView({ block: "nearest" });
  $("heading").focus({ preventScroll: true });
}
function leave() {
  tick();
  if (N && records[at]) put(at);
}
function update() {
  const u = D.units[at], r = records[at], suggestion = u.suggestion || {};
  $("meta").textContent = `Unit ${number(at + 1)} of ${number(N)} · ${WORDS[state(at)]} · ${u.id}`;
  boxes.forEach((box, k) => {
    const name = D.topics[k].name, value = r && r.skipped !== null ? null : answer(at, k);
    box.differ.hidden = !u.given || agreed[at][k] !== null;
    for (const l of box.labels) {
      l.input.checked = l.choice === value;
      l.label.classList.toggle("on", l.choice === value);
      l.label.classList.toggle("suggestion", suggestion[name] === l.choice);
      const who = (u.given || []).map((g, n) => (g[name] === l.choice ? String.fromCharCode(65 + n) : "")).join("");
      l.given.textContent = who;
      l.given.hidden = !who;
    }
  });
  $("skipped").hidden = !r || r.skipped === null;
  $("skipped").textContent = r && r.skipped !== null ? `Skipped: ${r.skipped}. An answer takes the unit back.` : "";
  $("suggested").hidden = !u.suggestion;
  progress();
}
function progress() {
  const states = { done: 0, skipped: 0, draft: 0, open: 0 };
  for (let i = 0; i < N; i += 1) states[state(i)] += 1;
  const ended = states.done + states.skipped;
  $("bar").max = N;
  $("bar").value = ended;
  $("count").textContent = `${number(states.done)} of ${number(N)} done${states.skipped ? `, ${number(states.skipped)} skipped` : ""}`;
  $("finished").hidden = ended < N;
  $("finished").textContent = `All ${count(N, "unit")} are done. Save the file and send ${fileName()} back.`;
}

/* answers */
function choose(k, choice, byKey = false) {
  change(at, (r) => {
    r.skipped = null;
    r.answers[k] = choice;
  });
  const next = firstWithout(at, k);
  const inTopics = $("topics").contains(document.activeElement);
  if (next >= 0) setCurrent(next);
  update();
  if (byKey && next >= 0) {
    boxes[next].node.scrollIntoView({ block: "nearest" });
    if (inTopics) boxes[next].labels[0].input.focus();
  }
  const left = D.topics.filter((_, j) => !answer(at, j)).length;
  const then = left ? `${count(left, "topic")} left` : missing() || READY;
  say(`${plain(D.topics[k].name)}: ${plain(choice)}; ${then}.`);
}
function noToTheRest() {
  const rest = D.topics.map((_, k) => k).filter((k) => !answer(at, k));
  if (!rest.length) return say("Every topic has an answer.");
  change(at, (r) => {
    r.skipped = null;
    for (const k of rest) r.answers[k] = D.choices[0];
  });
  update();
  say(`${count(rest.length, "topic")}: ${D.choices[0]}; ${missing() || READY}.`);
}
function missing() {
  if (state(at) === "skipped") return "";
  const k = firstWithout(at, current);
  if (k >= 0) return `${plain(D.topics[k].name)} has no answer`;
  return D.decide && !$("note").value.trim() ? "the reason is missing" : "";
}
function next() {
  const lacks = missing();
  if (lacks) {
    const k = firstWithout(at, current);
    if (k >= 0) {
      setCurrent(k);
      boxes[k].node.scrollIntoView({ block: "nearest" });
      if (document.activeElement === $("next")) boxes[k].labels[0].input.focus();
    } else $("note").focus();
    return say(`Not finished: ${lacks}. Skip the unit if you cannot answer.`);
  }
  for (let step = 1; step <= N; step += 1) {
    const i = (at + step) % N;
    if (["open", "draft"].includes(state(i))) {
      show(i);
      return say(`Unit ${number(i + 1)} of ${number(N)}.`);
    }
  }
  update();
  return say("No unit is open. Save the file.");
}
function step(by) {
  const i = at + by;
  if (i < 0 || i >= N) return say(by < 0 ? "This is the first unit." : "This is the last unit.");
  show(i);
  return say(`Unit ${number(i + 1)} of ${number(N)}, ${WORDS[state(i)]}.`);
}
function undo() {
  const entry = history.pop();
  if (!entry) return say("Nothing to undo since the page was opened.");
  for (const [i, before] of entry) {
    records[i] = before && JSON.parse(before);
    put(i);
  }
  setChanged(true);
  show(entry[0][0]);
  return say(`Undone: unit ${number(at + 1)} is ${WORDS[state(at)]}.`);
}
function skip(reason) {
  change(at, (r) => {
    r.skipped = reason;
    r.answers.fill(null);
  });
  $("skipping").close();
  next();
}
$("note").addEventListener("input", () => {
  const value = $("note").value;
  if (noteOpen) {
    records[at] = records[at] || { answers: Array(T).fill(null), note: "", skipped: null, seconds: 0 };
    records[at].note = value;
    commit(at);
  } else change(at, (r) => { r.note = value; });
  noteOpen = true;
  update();
});
$("note").addEventListener("blur", () => {
  if (noteOpen && D.decide) say(`Reason kept; ${missing() || READY}.`);
  noteOpen = false;
});

/* files */
function fileName() {
  return D.decide ? "decisions.jsonl" : `answers-${annotator}.jsonl`;
}
function line(i) {
  const u = D.units[i], r = records[i], s = state(i);
  const answers = Object.fromEntries(D.topics.map((t, k) => [t.name, s === "skipped" ? null : answer(i, k)]).filter(([, value]) => value));
  const mark = s === "skipped" ? { skipped: r.skipped } : s === "draft" ? { draft: true } : {};
  const time = Math.round(seconds[i] * 10) / 10;
  if (D.decide) return { unit: u.id, round: u.round, answers, why: r.note.trim(), seconds: time, ...mark };
  return { batch: D.batch, annotator, unit: u.id, check: u.check, answers, note: r.note.trim(), seconds: time, ...mark };
}
function save() {
  leave();
  const rows = records.flatMap((r, i) => (r ? [JSON.stringify(line(i))] : []));
  if (!rows.length) return say("Nothing to save yet.");
  const url = URL.createObjectURL(new Blob([rows.join("\n"), "\n"], { type: "application/x-ndjson" }));
  const link = el("a", { href: url, download: fileName() });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  setChanged(false);
  return say(`${count(rows.length, "unit")} saved as ${fileName()}.`);
}
/* a record from a line of a saved file, or what is wrong with it */
function parsed(text) {
  let row;
  try {
    row = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  if (!row || typeof row !== "object" || Array.isArray(row)) return "not a JSON object";
  if (!D.decide && row.batch !== D.batch) return "of another batch";
  if (!D.decide && row.annotator !== annotator) return `of annotator ${String(row.annotator)}; this page is ${annotator}'s`;
  const i = place.get(unitKey({ id: row.unit, round: row.round }));
  if (i === undefined) return `unit ${String(row.unit)} is not on this page`;
  if (!D.decide && row.check !== D.units[i].check) return `unit ${row.unit} was changed after this file was saved`;
  const given = row.answers && typeof row.answers === "object" ? row.answers : {};
  const unknown = Object.keys(given).filter((name) => !D.topics.some((t) => t.name === name));
  if (unknown.length) return `unit ${row.unit}: the codebook has no topic ${unknown[0]}`;
  const answers = D.topics.map((t) => (Object.hasOwn(given, t.name) ? given[t.name] : null));
  const wrong = answers.find((a) => a !== null && !D.choices.includes(a));
  if (wrong !== undefined) return `unit ${row.unit}: the codebook has no answer ${String(wrong)}`;
  const note = String((D.decide ? row.why : row.note) ?? "");
  const skipped = typeof row.skipped === "string" ? row.skipped : null;
  if (skipped !== null) answers.fill(null);
  return { i, record: { answers, note, skipped, seconds: Number.isFinite(row.seconds) ? row.seconds : 0 } };
}
async function load(file) {
  const lines = (await file.text()).split("\n").map((text, n) => [n + 1, text]).filter(([, text]) => text.trim());
  const rows = lines.map(([n, text]) => [n, parsed(text)]);
  const wrong = rows.filter(([, row]) => typeof row === "string").map(([n, row]) => `line ${n}: ${row}`);
  if (!rows.length) wrong.push("the file is empty");
  if (wrong.length) {
    const more = wrong.length > 10 ? [el("li", {}, `and ${number(wrong.length - 10)} more`)] : [];
    $("problem-list").replaceChildren(...wrong.slice(0, 10).map((text) => el("li", {}, text)), ...more);
    $("problems").showModal();
    return;
  }
  const units = [...new Set(rows.map(([, row]) => row.i))];
  const before = units.filter((i) => records[i]).length;
  leave();
  remember(units);
  for (const [, { i, record }] of rows) {
    records[i] = record;
    seconds[i] = record.seconds;
    put(i);
  }
  setChanged(true);
  const open = records.findIndex((_, i) => ["open", "draft"].includes(state(i)));
  show(open < 0 ? 0 : open);
  say(`${count(units.length, "unit")} loaded${before ? `, ${number(before)} of them in the place of earlier work (Undo brings it back)` : ""}.`);
}

/* the list of units */
function list() {
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean), which = $("which").value;
  const rows = [];
  let found = 0;
  for (let i = 0; i < N; i += 1) {
    const u = D.units[i], s = state(i);
    if (which === "noted" ? !(records[i] && records[i].note) : which && s !== which) continue;
    if (words.length && !(words.length === 1 && words[0] === String(i + 1))) {
      const text = `${u.id} ${u.title} ${u.text}`.toLowerCase();
      if (!words.every((w) => text.includes(w))) continue;
    }
    found += 1;
    if (rows.length < MOST_LISTED) rows.push(i);
  }
  $("matches").textContent = `${count(found, "unit")}${found > rows.length ? `; the first ${MOST_LISTED} are shown` : ""}`;
  $("list").replaceChildren(...rows.map((i) => {
    const button = el("button", { type: "button", "aria-current": i === at ? "true" : null },
      el("span", {}, number(i + 1)), el("span", { class: "state" }, WORDS[state(i)]),
      el("span", { dir: "auto" }, D.units[i].title || D.units[i].text.slice(0, 90)));
    button.addEventListener("click", () => {
      $("units").close();
      show(i);
    });
    return el("li", {}, button);
  }));
}
function openUnits() {
  $("find").value = "";
  $("which").value = "";
  list();
  $("units").showModal();
  $("find").focus();
}
$("find").addEventListener("input", list);
$("which").addEventListener("change", list);
$("find").addEventListener("keydown", (e) => {
  const first = $("list").querySelector("button");
  if (e.key === "Enter" && first) first.click();
});

/* keys: digits by their place, so that keyboards with shifted digits work; letters by place where the layout has no Latin ones */
const actions = {
  Enter: next, 0: noToTheRest, j: () => step(1), k: () => step(-1), u: undo, x: () => openSkip(), g: openUnits,
  n: () => $("note").focus(), b: () => openCodebook(null), "?": () => $("help").showModal(),
};
function openSkip() {
  $("reason").value = "";
  $("skip-hint").hidden = !records[at] || records[at].answers.every((a) => a === null);
  $("skipping").showModal();
}
function keyOf(e) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(e.code);
  if (digit) return digit[1];
  if (/^[a-z]$/i.test(e.key)) return e.key.toLowerCase();
  const letter = /^Key([A-Z])$/.exec(e.code);
  return letter && !/^\p{Script=Latin}$/u.test(e.key) ? letter[1].toLowerCase() : e.key === "؟" ? "?" : e.key;
}
document.addEventListener("keydown", (e) => {
  if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "s") {
    e.preventDefault();
    return save();
  }
  if (document.querySelector("dialog[open]") || e.isComposing) return undefined;
  if (e.target === $("note")) {
    if (e.key === "Escape") $("heading").focus();
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) next();
    return undefined;
  }
  if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || !$("keys-on").checked) return undefined;
  const name = keyOf(e), topic = letters.indexOf(name);
  if (name === "Enter" && e.target.closest?.("button, a")) return undefined;
  if (/^[1-9]$/.test(name) && D.choices[name - 1]) choose(current, D.choices[name - 1], true);
  else if (topic >= 0) {
    setCurrent(topic);
    boxes[topic].node.scrollIntoView({ block: "nearest" });
    say(`${plain(D.topics[topic].name)}: ${answer(at, topic) ? plain(answer(at, topic)) : "no answer yet"}.`);
  } else if (Object.hasOwn(actions, name)) actions[name]();
  else return undefined;
  e.preventDefault();
  return undefined;
});
for (const [keys, what] of [
  [D.choices.slice(0, 9).map((_, c) => c + 1), `answer of the marked topic: ${D.choices.slice(0, 9).map(plain).join(", ")}`],
  [["0"], `${D.choices[0]} for every topic without an answer`],
  [letters.filter(Boolean), `topic: ${D.topics.filter((_, k) => letters[k]).map((t) => plain(t.name)).join(", ")}`],
  [["Enter"], "next open unit"], [["k", "j"], "previous and next unit"], [["u"], "undo"], [["x"], "skip, with a reason"],
  [["n"], D.decide ? "write the reason; Esc leaves it, Ctrl+Enter goes on" : "write a note; Esc leaves it, Ctrl+Enter goes on"],
  [["g"], "go to a unit"], [["b"], "codebook"], [["Ctrl+S"], "save the file"], [["?"], "this help"],
]) $("key-list").append(el("dt", {}, ...keys.flatMap((k) => [el("kbd", {}, k), " "])), el("dd", {}, what));

/* buttons and start */
const click = (id, action) => $(id).addEventListener("click", action);
click("save", save);
click("load", () => $("file").click());
click("go", openUnits);
click("book", () => openCodebook(null));
click("keys", actions["?"]);
click("back", () => step(-1));
click("forward", () => step(1));
click("undo", undo);
click("skip", openSkip);
click("next", next);
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  if (file) await load(file);
  $("file").value = "";
});
$("skipping").querySelector("form").addEventListener("submit", (e) => {
  e.preventDefault();
  if ($("reason").value.trim()) skip($("reason").value.trim());
});
for (const button of document.querySelectorAll("[data-reason]")) button.addEventListener("click", () => skip(button.dataset.reason));
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
window.addEventListener("beforeunload", (e) => {
  leave();
  if (!stored && changed) e.preventDefault();
});
window.addEventListener("storage", (e) => {
  const start = `${prefix()}unit:`;
  if (!e.key || !e.key.startsWith(start)) return;
  const i = place.get(e.key.slice(start.length));
  if (i === undefined) return;
  restore(i);
  if (i === at) show(i, false);
  else progress();
});
function start() {
  for (let i = 0; i < N; i += 1) restore(i);
  setChanged(kept(flags.changed) === "1");
  $("who").textContent = D.decide ? "" : `Annotator: ${annotator}`;
  const last = Number(kept(flags.at));
  since = performance.now();
  show(Number.isInteger(last) && last < N ? last : 0);
  const known = records.filter(Boolean).length;
  if (known) say(`${count(known, "unit")} with earlier work in this browser.`);
}
function askName() {
  $("naming").addEventListener("close", () => { if (!annotator) $("naming").showModal(); });
  $("name").value = kept(flags.annotator) || "";
  $("naming").querySelector("form").addEventListener("submit", () => {
    keep(flags.annotator, $("name").value);
    annotator = $("name").value;
    start();
  });
  $("naming").showModal();
}
keep("probe", "1");
keep("probe", null);
if (!N) {
  $("finished").textContent = "There is no unit on this page.";
  $("finished").hidden = false;
  document.querySelector("main").hidden = true;
  $("keys-on").checked = false;
}
if (N && (annotator || D.decide)) start();
else if (N) askName();
