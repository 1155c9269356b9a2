"""The annotation page opened from disk in Chromium, used by keys, clicks and touch."""

import json
import re

import pytest

from annotation.test_page import CASE, HOSTILE, batch_of, unit
from browser import CHROMIUM, PHONE, Browser
from sahelclf.annotation import page
from sahelclf.codebook import read_codebook
from support import CODEBOOK, sahelclf

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
ARABIC = "أعلنت السلطات يوم الاثنين.\n\nThe port said no."


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A browser for the module; errors of the page and requests to the network fail its tests."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(opened):
    opened.errors.clear()
    opened.requests.clear()
    opened.screen()
    yield opened
    assert opened.errors == []
    assert [r for r in opened.requests if not r.startswith(("file:", "blob:"))] == []


@pytest.fixture
def batch(tmp_path):
    """Three units; the name of the folder makes the ids, so that storage is of one test alone."""
    name = tmp_path.name
    units = [unit(f"{name}-{k}", f"Text {k}.\n\nSecond paragraph.") for k in range(3)]
    return batch_of(tmp_path, *units, annotators=["anna"])


@pytest.fixture
def path(batch):
    return page.write(batch)[0]


def heading(browser):
    return browser.text("#heading").rsplit("-", 1)[-1]


def chosen(browser):
    """The marked answers, topic by topic."""
    return browser.run(
        "[...document.querySelectorAll('.topic')].map("
        "t => t.querySelector('input:checked')?.value ?? null)"
    )


def lines(path):
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def saved_lines(browser, name="answers-anna.jsonl"):
    browser.press("s", modifiers=2)
    return lines(browser.downloaded(name))


def test_a_batch_is_annotated_by_keys_saved_and_read(browser, batch, path):
    browser.open(path)
    assert browser.text("#live") == ""
    browser.run("new Promise(go => setTimeout(go, 300))")
    browser.press("2", "1", "Enter")  # fishing pro, dredging no
    assert heading(browser) == "1"
    browser.press("d", "3", "1", "Enter")  # dredging con, then fishing no
    browser.press("0", "n")
    browser.type("see the date")
    browser.press("Escape")
    assert "All 3 units are done" in browser.text("#finished")
    saved = saved_lines(browser)
    assert browser.text("#live") == "3 units saved as answers-anna.jsonl."
    assert browser.text("#unsaved") == ""
    file = batch.root / "answers-anna.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in saved), encoding="utf-8")
    read = page.read(file, batch, "anna")
    assert read.problems == []
    assert [(a.unit, dict(a.answers), a.note) for a in read.answers] == [
        (batch.units[0].unit, {"fishing": "pro", "dredging": "no"}, ""),
        (batch.units[1].unit, {"fishing": "no", "dredging": "con"}, ""),
        (batch.units[2].unit, {"fishing": "no", "dredging": "no"}, "see the date"),
    ]
    assert 0.3 <= saved[0]["seconds"] < 60


def test_work_survives_a_reload_and_undo_takes_it_back(browser, path):
    browser.open(path)
    browser.press("2", "3", "Enter", "1")
    browser.open(path)
    assert heading(browser) == "1"
    assert chosen(browser) == ["no", None]
    assert browser.text("#live") == "2 units with earlier work in this browser."
    browser.press("2", "u")
    assert chosen(browser) == ["no", None]
    browser.press("u")
    assert browser.text("#live") == "Nothing to undo since the page was opened."
    browser.press("k", "1")
    assert chosen(browser) == ["no", "con"]


def test_an_unfinished_unit_is_not_left_by_enter(browser, path):
    browser.open(path)
    browser.press("2", "Enter")
    assert heading(browser) == "0"
    assert "dredging has no answer" in browser.text("#live")
    browser.press("j")
    assert heading(browser) == "1"
    [row] = saved_lines(browser)
    assert (row["answers"], row["draft"]) == ({"fishing": "pro"}, True)


def test_a_unit_is_skipped_with_a_reason_and_taken_back(browser, batch, path):
    browser.open(path)
    browser.press("2", "x")
    browser.click("#reason")
    browser.type("twice in the batch")
    browser.press("Enter")
    assert heading(browser) == "1"
    browser.click("#skip")
    browser.click("[data-reason='other language']")
    assert heading(browser) == "2"
    rows = saved_lines(browser)
    assert [row["skipped"] for row in rows] == ["twice in the batch", "other language"]
    assert [row["answers"] for row in rows] == [{}, {}]
    browser.press("k", "k")
    assert "Skipped: twice in the batch" in browser.text("#skipped")
    browser.press("1")
    assert chosen(browser) == ["no", None]  # the answer from before is gone
    browser.press("1")
    assert browser.text("#count") == "1 of 3 done, 1 skipped"


def test_saved_work_is_loaded_in_another_browser(browser, batch, path, tmp_path):
    browser.open(path)
    browser.press("2", "1", "Enter", "1")
    browser.press("n")
    browser.type("half done")
    browser.press("Escape", "j", "x")
    browser.click("[data-reason='not readable']")
    saved = saved_lines(browser)
    file = tmp_path / "answers-anna.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in saved), encoding="utf-8")
    with Browser(tmp_path / "other") as other:
        other.open(path)
        other.choose_file("#file", file)
        other.wait("document.getElementById('live').textContent.includes('loaded')")
        assert heading(other) == "1"  # the first that is not finished
        assert chosen(other) == ["no", None]
        assert other.run("document.getElementById('note').value") == "half done"
        again = saved_lines(other)
        assert all(new["seconds"] >= old["seconds"] for new, old in zip(again, saved, strict=True))
        assert [row | {"seconds": 0} for row in again] == [row | {"seconds": 0} for row in saved]
        assert other.errors == []


def test_loading_replaces_earlier_work_and_undo_brings_it_back(browser, batch, path, tmp_path):
    browser.open(path)
    browser.press("2", "1")
    [row] = saved_lines(browser)
    file = tmp_path / "saved.jsonl"
    row["answers"] = {"fishing": "con", "dredging": "con"}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    browser.choose_file("#file", file)
    browser.wait("document.getElementById('live').textContent.includes('1 unit loaded, 1 of')")
    browser.press("k")
    assert chosen(browser) == ["con", "con"]
    browser.press("u")
    assert chosen(browser) == ["pro", "no"]


def test_a_wrong_file_is_refused_whole_with_its_lines(browser, batch, path, tmp_path):
    browser.open(path)
    browser.press("2", "1")
    [row] = saved_lines(browser)
    first = batch.units[0].unit
    wrong = [
        row | {"answers": {"fishing": "con", "dredging": "no"}},
        row | {"batch": "other"},
        row | {"annotator": "<b>ben</b>"},
        row | {"unit": "none"},
        row | {"check": "old"},
        row | {"answers": {"weather": "no"}},
        row | {"answers": {"fishing": "maybe"}},
    ]
    text = "\n".join([*map(json.dumps, wrong), "{", "[]", ""])
    (tmp_path / "wrong.jsonl").write_text(text, encoding="utf-8")
    browser.choose_file("#file", tmp_path / "wrong.jsonl")
    browser.wait("document.getElementById('problems').open")
    assert browser.text("#problem-list").splitlines() == [
        "line 2: of another batch",
        "line 3: of annotator <b>ben</b>; this page is anna's",
        "line 4: unit none is not on this page",
        f"line 5: unit {first} was changed after this file was saved",
        f"line 6: unit {first}: the codebook has no topic weather",
        f"line 7: unit {first}: the codebook has no answer maybe",
        "line 8: not JSON",
        "line 9: not a JSON object",
    ]
    browser.press("Escape")
    assert chosen(browser) == ["pro", "no"]


def test_the_list_of_units_finds_by_number_word_and_state(browser, path):
    browser.open(path)
    browser.press("2", "1", "g")
    browser.type("3")
    assert browser.text("#matches") == "1 unit"
    browser.press("Enter")
    assert heading(browser) == "2"
    browser.press("g")
    browser.type("TEXT 1.")
    browser.press("Enter")
    assert heading(browser) == "1"
    browser.press("g")
    browser.run(
        "(() => { const w = document.getElementById('which'); w.value = 'done';"
        "w.dispatchEvent(new Event('change')); })()"
    )
    assert browser.text("#matches") == "1 unit"


def test_the_name_is_asked_and_work_is_kept_by_name(browser, tmp_path):
    batch = batch_of(tmp_path, unit(f"{tmp_path.name}-0"), unit(f"{tmp_path.name}-1"))
    path = page.write(batch)[0]
    browser.open(path)
    browser.press("Escape")
    assert browser.run("document.getElementById('naming').open")
    browser.type("anna/b")
    browser.press("Enter")
    assert browser.run("document.getElementById('naming').open")  # no name for a file
    browser.run("document.getElementById('name').value = ''")
    browser.type("anna")
    browser.press("Enter")
    browser.press("2", "1")
    assert saved_lines(browser)[0]["annotator"] == "anna"
    browser.open(path)
    assert browser.run("document.getElementById('name').value") == "anna"
    browser.run("document.getElementById('name').value = 'ben'")
    browser.press("Enter")
    assert browser.text("#who") == "Annotator: ben"
    assert chosen(browser) == [None, None]


def test_the_page_says_so_where_the_browser_keeps_nothing(opened, path):
    broken = (
        "Object.defineProperty(window, 'localStorage',"
        "{get() { throw new DOMException('denied', 'SecurityError'); }})"
    )
    script = opened.call("Page.addScriptToEvaluateOnNewDocument", source=broken)["identifier"]
    try:
        opened.errors.clear()
        opened.open(path)
        assert "does not keep your work" in opened.text("#warning")
        opened.press("2", "1")
        assert chosen(opened) == ["pro", "no"]
        assert len(saved_lines(opened)) == 1
        assert opened.errors == []
    finally:
        opened.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_a_full_storage_is_said_and_work_goes_on(opened, path):
    opened.open(path)
    opened.run("Storage.prototype.setItem = () => { throw new DOMException('full'); }")
    opened.press("2", "1")
    assert "does not keep your work" in opened.text("#warning")
    assert len(saved_lines(opened)) == 1


def test_hostile_texts_are_shown_and_run_nothing(browser, tmp_path):
    name = f"{tmp_path.name}</script><b>"
    bad = unit(name, HOSTILE, title=HOSTILE, check='"><script>')
    [path] = page.write(batch_of(tmp_path, bad, annotators=["anna"]))
    browser.open(path)
    squeezed = " ".join(HOSTILE.split())
    assert " ".join(browser.text("#text").split()) == squeezed
    assert " ".join(browser.text("#heading").split()) == squeezed
    browser.press("g")
    assert "onerror" in browser.text("#list")
    browser.press("Escape", "1", "1")
    counts = "['img', 'script', '#text *', '#list b'].map(q => document.querySelectorAll(q).length)"
    assert browser.run(counts) == [0, 2, 1, 0]
    [row] = saved_lines(browser)
    assert (row["unit"], row["check"]) == (name, '"><script>')


def test_the_policy_stops_what_an_injection_would_try(opened, path):
    opened.open(path)
    opened.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'window.ran = 1'}))"
    )
    opened.run("document.body.insertAdjacentHTML('beforeend', '<img src=https://example.org/x>')")
    opened.run("fetch('https://example.org/').then(() => 1, () => 0)")
    assert opened.run("window.ran") is None
    assert len([e for e in opened.errors if "Content Security Policy" in e]) >= 3


def test_arabic_is_shown_from_the_right_paragraph_by_paragraph(browser, tmp_path):
    batch = batch_of(tmp_path, unit(tmp_path.name, ARABIC, title="ميناء"), annotators=["anna"])
    browser.open(page.write(batch)[0])
    directions = "[...document.querySelectorAll('#heading, #text p')].map(e => getComputedStyle(e)"
    assert browser.run(f"{directions}.direction)") == ["rtl", "rtl", "ltr"]


def test_keys_work_on_arabic_and_french_keyboards(browser, path):
    browser.open(path)
    browser.press("é", code="Digit2")  # 2 of a French keyboard
    browser.press("ي", code="KeyD")  # d of an Arabic keyboard
    browser.press("٣", code="Digit3")
    assert chosen(browser) == ["pro", "con"]


def test_keys_can_be_switched_off_and_do_not_disturb_writing(browser, path):
    browser.open(path)
    browser.press("n", "x", "u", "2", "0")
    assert browser.run("document.getElementById('note').value") == "xu20"
    assert chosen(browser) == [None, None]
    browser.press("Escape", "?")
    browser.click("#keys-on")
    browser.press("Escape", "2")
    assert chosen(browser) == [None, None]


def test_a_screen_reader_has_names_roles_and_news(browser, path):
    browser.open(path)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {}
    for node in tree:
        name = node.get("name", {}).get("value", "")
        named.setdefault(node.get("role", {}).get("value"), []).append(name)
    assert named["radiogroup"] == ["fishing", "dredging"]
    assert named["radio"] == ["no", "pro", "con"] * 2
    assert all(named["button"])
    assert named["textbox"] == ["Note"]
    assert "status" in named
    assert browser.run("document.activeElement.id") == "heading"  # where reading begins
    order = []
    for _ in range(9):
        browser.press("Tab")
        order.append(
            browser.run(
                "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
                "|| document.activeElement.name"
            )
        )
    assert order == [
        "Definition of fishing",
        "t0",
        "Definition of dredging",
        "t1",
        "note",
        "back",
        "forward",
        "undo",
        "skip",
    ]


def test_radio_buttons_work_with_the_keys_of_the_browser(browser, path):
    browser.open(path)
    browser.press("Tab", "Tab", " ")
    assert chosen(browser) == ["no", None]
    assert browser.text("#live") == "fishing: no; 1 topic left."


def test_a_phone_shows_all_without_scrolling_sideways(browser, path):
    browser.screen(**PHONE)
    browser.open(path)
    assert browser.run("document.documentElement.scrollWidth") == 360
    for topic in (1, 2):
        browser.click(f".topic:nth-child({topic}) label:nth-child(2)")
    assert chosen(browser) == ["pro", "pro"]
    small = (
        "[...document.querySelectorAll('button, .choices label')].filter(e => e.offsetParent)"
        ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.innerText)"
    )
    assert browser.run(small) == []  # the least size of a target for fingers
    browser.click("#next")
    assert heading(browser) == "1"
    browser.click(".topic:nth-child(2) h3 button")
    assert "digging the harbour" in browser.text("#definitions")


CONTRAST = """(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c; }
    return [255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const written = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!e.offsetParent || !written) continue;
    const both = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const [a, b] = both.sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(e.innerText);
  }
  return low;
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_enough_contrast(browser, path, dark):
    browser.screen(dark=dark)
    browser.open(path)
    browser.press("2", "1")
    low = browser.run(CONTRAST)
    assert low == []


def test_two_thousand_units_do_not_lag(browser, tmp_path):
    text = "The dredger dug mud from the channel. " * 60
    units = [unit(f"{tmp_path.name}-{k}", text) for k in range(2000)]
    [path] = page.write(batch_of(tmp_path, *units, annotators=["anna"]))
    browser.open(path)
    per_key = browser.run(
        "(() => { const start = performance.now();"
        "for (let n = 0; n < 40; n += 1) for (const key of ['1', '2', 'Enter']) {"
        "document.dispatchEvent(new KeyboardEvent('keydown', {key, code: `Digit${key}`}));"
        "document.body.offsetHeight; }"
        "return (performance.now() - start) / 120; })()"
    )
    assert heading(browser) == "40"
    assert per_key < 50  # ms, with the layout; a delay of 100 ms is noticed
    browser.press("g")
    browser.type("1999")
    browser.press("Enter")
    assert heading(browser) == "1998"


def test_a_suggestion_is_shown_and_gives_no_answer(browser, tmp_path):
    batch = batch_of(
        tmp_path, unit(tmp_path.name, suggestion={"fishing": "con"}), annotators=["anna"]
    )
    browser.open(page.write(batch)[0])
    assert browser.text(".suggestion").split()[-1] == "con"
    assert chosen(browser) == [None, None]
    assert "suggestion" in browser.text("#suggested")


def test_another_tab_of_the_page_shows_the_same_work(browser, batch, path):
    browser.open(path)
    browser.press("2")
    key = f"unit:{batch.units[0].unit}"
    key = browser.run(f"Object.keys(localStorage).find(k => k.endsWith({json.dumps(key)}))")
    record = {"answers": ["con", "no"], "note": "", "skipped": None, "seconds": 1}
    browser.run(
        f"(() => {{ const key = {json.dumps(key)};"
        f"localStorage.setItem(key, {json.dumps(json.dumps(record))});"
        "window.dispatchEvent(new StorageEvent('storage', {key})); })()"
    )
    assert chosen(browser) == ["con", "no"]


def test_differing_units_are_decided_with_a_reason(browser, batch, tmp_path):
    other = page.Case("b", "Second.", "", [{"fishing": "pro", "dredging": "no"}] * 2, 1)
    cases = [CASE, other]
    path = page.write_decisions_page(tmp_path / "adjudicate.html", batch.codebook, cases)
    browser.open(path)
    assert chosen(browser) == ["no", None]  # on fishing both agree
    given = "[...document.querySelectorAll('.topic:nth-child(2) .given')].map(e => e.innerText)"
    assert sorted(browser.run(given)) == ["", "A", "B"]
    browser.press("3", "Enter")
    assert "the reason is missing" in browser.text("#live")
    browser.type("the spokesman is quoted")
    browser.press("Enter", modifiers=2)
    assert browser.text("#heading") == "Unit 2"
    browser.press("n")
    browser.type("half")
    browser.press("Escape")
    rows = saved_lines(browser, "decisions.jsonl")
    assert rows[0].keys() == {"unit", "round", "answers", "why", "seconds"}
    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    read = page.read_decisions(file, batch.codebook, cases)
    assert read.problems == []
    first = read.decisions[0]
    assert (first.unit, first.round, first.why) == ("a", 2, "the spokesman is quoted")
    assert dict(first.answers) == {"fishing": "no", "dredging": "con"}
    assert not re.search("anna|ben", path.read_text(encoding="utf-8").split('id="data"')[1])


def test_a_page_without_units_says_so(browser, tmp_path):
    (tmp_path / "book.yaml").write_text(CODEBOOK, encoding="utf-8")
    book = read_codebook(tmp_path / "book.yaml")
    path = page.write_decisions_page(tmp_path / "p.html", book, [])
    browser.open(path)
    assert browser.text("#finished") == "There is no unit on this page."
    browser.press("1", "Enter", "j")


def succeed(*arguments, cwd):
    done = sahelclf(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr


def test_from_a_collection_through_two_browsers_into_a_corpus(browser, tmp_path):
    """`annotate sample`, the page twice, `import`, `adjudicate` by the page: labels as decided."""
    (tmp_path / "book.yaml").write_text(CODEBOOK, encoding="utf-8")
    texts = ["The boat crews landed a catch.", "The dredger dug mud.", "The port met the state."]
    rows = [f"{tmp_path.name}-{k},{text}" for k, text in enumerate(texts)]
    (tmp_path / "articles.csv").write_text("\n".join(["id,text", *rows]), encoding="utf-8")
    root = tmp_path / "batch"
    command = ["annotate", "sample", "articles.csv", "--codebook", "book.yaml", "-o", "batch"]
    command += ["--n", "3", "--annotators", "anna,ben", "--to", "page"]
    succeed(*command, cwd=tmp_path)
    for name, keys in (("anna", "21 11 13"), ("ben", "31 11 13")):
        browser.open(root / f"page-{name}.html")
        for unit_keys in keys.split():
            browser.press(*unit_keys, "Enter")
        browser.press("s", modifiers=2)
        browser.downloaded(f"answers-{name}.jsonl").rename(tmp_path / f"answers-{name}.jsonl")
    files = ["answers-anna.jsonl", "answers-ben.jsonl"]
    succeed("annotate", "import", "batch", *files, "--corpus", "corpus", cwd=tmp_path)
    succeed("annotate", "adjudicate", "--corpus", "corpus", "-o", "decide.html", cwd=tmp_path)
    browser.open(tmp_path / "decide.html")
    assert browser.text("#count") == "0 of 1 done"
    browser.press("2", "n")
    browser.type("they sell it")
    browser.press("s", modifiers=2)
    browser.downloaded("decisions.jsonl").rename(tmp_path / "decisions.jsonl")
    decided = ["--from", "decisions.jsonl", "--annotator", "chris"]
    succeed("annotate", "adjudicate", "--corpus", "corpus", *decided, cwd=tmp_path)
    [decision] = lines(tmp_path / "corpus" / "adjudication.jsonl")
    assert (decision["decided_by"], decision["why"]) == ("chris", "they sell it")
    labels = [row["topics"] for row in lines(tmp_path / "corpus" / "passages.jsonl")]
    assert sorted(map(str, labels)) == sorted(
        map(str, [{"fishing": {"stance": "pro"}}, {}, {"dredging": {"stance": "con"}}])
    )
