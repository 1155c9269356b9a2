"""Names from data stay text in HTML, LaTeX and Markdown, and never become paths."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from sahelclf.evaluation.compare import Comparison, ScoreRow
from sahelclf.evaluation.intervals import Difference
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import report
from sahelclf.reports.comparison import ComparisonReport
from sahelclf.reports.document import write_report
from sahelclf.reports.figures import figures
from sahelclf.reports.methods import as_latex, methods_paragraph
from sahelclf.reports.tables import Subject, Table, label_table, robustness_table, tables
from sahelclf.reports.text import escape_latex, escape_markdown, file_stem, table

HTML = "<script>alert(1)</script><img src=x onerror=alert(2)>"
LATEX = r"\input{/etc/passwd} 50% & x_y ^~ #1 $z$ {"
MARKDOWN = "a | b `c` <b>\n\n# heading"
PATH = "../../up/\\..\\C:\x00 é"
NAMES = (HTML, LATEX, MARKDOWN, PATH)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


def comparison_of(name):
    rows = (
        ScoreRow(name, 0, 0.5, 0.4, 0.6, None),
        ScoreRow(name, 1, 0.6, 0.5, 0.7, 0.01, Difference(0.1, -0.1, 0.3, 0.2), 0.2, name),
    )
    compared = Comparison((name, name), 4, 2, rows, ((name,), (name,)))
    systems = (("A", name, name), ("B", name, name))
    return ComparisonReport(
        systems, name, compared, [[name, name, name]], [[name, name, name]], (f"A: {name}",)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_in_html_has_no_tags_of_a_name(name):
    page = Tags(comparison_of(name).html())
    plain = Tags(comparison_of("name").html())
    assert page.tags == plain.tags
    assert page.attributes == plain.attributes
    assert page.text.count(name) >= 10
    assert Tags(comparison_of(name)._repr_html_()).tags.count("script") == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_in_latex_has_no_commands_of_a_name(name):
    text = comparison_of(name).latex()
    plain = comparison_of("name").latex()
    comments = lambda s: [line for line in s.splitlines() if line.startswith("% ")]
    assert len(comments(text)) == len(comments(plain))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("% "))
    commands = set(re.findall(r"(?<!\\)\\[a-zA-Z]+", body))
    known = {"\\textbackslash", "\\textasciitilde", "\\textasciicircum", "\\ensuremath"}
    assert commands <= set(re.findall(r"\\[a-zA-Z]+", plain)) | known
    bare = re.sub(r"\\.", "", body)
    assert bare.count("{") == bare.count("}")
    assert not set("%#$~") & set(re.sub(r"\$[<>]\$", "", bare))


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_in_markdown_keeps_its_cells(name):
    lines = comparison_of(name).markdown().splitlines()
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert cells == {8, 4}  # seven columns of scores; a name and two systems
    outside_code = re.sub(r"(?<!\\)`[^`]*`", "", "\n".join(lines))
    assert not re.search(r"(?<!\\)<[a-z/]", outside_code)
    assert [x for x in lines if x.startswith("#")] == [
        "# Comparison",
        "## Parameters that differ",
        "## Folds and cost",
        "## Warnings",
    ]


def test_text_is_escaped_by_hand():
    assert escape_latex("50% of a_b\n{x}") == r"50\% of a\_b \{x\}"
    assert escape_markdown("a|b <i>\n# x, p <0.001") == r"a\|b \<i> # x, p <0.001"
    assert table([["a"], ["<b>"]], "html").count("<b>") == 0
    assert [file_stem(n) for n in ("../a b/é", "...", "tfidf, seed 0", "a" * 99)] == [
        "a-b-e",
        "unnamed",
        "tfidf-seed-0",
        "a" * 80,
    ]


def hostile_subject(bundle, names):
    rng = np.random.default_rng(0)
    holds, gold = rng.random((40, 2)) < 0.5, rng.random((40, 2)) < 0.5
    ids = tuple(map(str, range(40)))
    stance = rng.dirichlet(np.ones(2), size=(40, 2))
    predicted = Predictions(names, ids, ids, rng.random((40, 2)), stance, holds)
    truth = Gold(gold, np.where(gold, 0, -1))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest |= {"topics": list(names.topics), "stances": list(names.stances)}
    manifest["thresholds"] = dict.fromkeys(names.topics, 0.5)
    manifest["corpus"] = manifest["corpus"] | {"title": f"{HTML} [@nobody] [@corpus] {LATEX}"}
    manifest["notes"] = list(NAMES)
    scored = report(predicted, truth)
    return Subject(PATH, manifest, {"passages": scored}, {}, {"passages": (predicted, truth)})


def test_a_report_writes_only_into_its_folder(bundle, tmp_path):
    subject = hostile_subject(bundle, Names((HTML, LATEX), ("$pro", "con|")))
    about = {"model": PATH, "seed": 0}
    robust = [robustness_table(about, []) for _ in range(2)]
    paragraph = methods_paragraph([subject], [], [], corpus_cited=False)
    folder = tmp_path / "a" / "b" / "paper"
    folder.mkdir(parents=True)
    write_report(folder, [subject], [*tables([subject]), *robust], paragraph, {}, [HTML])
    files = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    assert all(p.parts[:3] == ("a", "b", "paper") for p in files)
    assert all(re.fullmatch(r"[\w.-]+", part, re.ASCII) for p in files for part in p.parts)
    stems = sorted(p.stem for p in files if p.stem.startswith("robustness") and p.suffix == ".tex")
    assert len(stems) == 2  # two runs of one model and seed
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<(script|img)", text)
    assert (folder / "references.bib").read_text().count("@") > 3


def test_a_name_like_a_citation_is_text(bundle):
    names = Names(("[@nobody2020]", "b"), ("pro", "con"))
    text = methods_paragraph([hostile_subject(bundle, names)], [], [], corpus_cited=False)
    latex = as_latex(text)
    assert "[@nobody2020]" in latex
    assert "\\input" not in latex
    assert "\\textbackslash{}input\\{/etc/passwd\\}" in latex


def test_a_dollar_in_a_label_is_no_formula(bundle):
    subject = hostile_subject(bundle, Names(("cost_$x^_$", "$"), ("$pro", "con")))
    predicted, gold = subject.tables["passages"]
    for name, figure in figures(predicted, gold, np.array([0.5, 0.5])).items():
        if name.endswith("png"):
            figure.draw_without_rendering()


def test_tables_keep_names_whole(bundle):
    subject = hostile_subject(bundle, Names((HTML, LATEX), ("pro", "con")))
    shown = label_table(subject.reports, subject.names)
    assert isinstance(shown, Table)
    assert [r["topic"] for r in shown.records] == [HTML, LATEX]
    assert replace(shown, name="x").shown[1][1] == HTML
