import csv
import io
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from sahelclf.codebook import Codebook
from sahelclf.evaluation import intervals
from sahelclf.evaluation.groups import FEWEST_DOCUMENTS, KINDS, group_scores
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import document_draws, report
from sahelclf.records import Document, Label, Passage
from sahelclf.reports.figures import figures

NAMES = Names(("t", "u"), ("pro", "con"))
BOOK = Codebook.model_validate({
    "version": "1", "title": "x", "languages": ["en"], "stances": {"pro": "a", "con": "b"},
    "genres": ["letter", "wire"],
    "bases": {"said": {"stances": ["pro", "con"]}, "done": {"stances": ["pro"]}},
    "topics": {"t": {"holds": "a"}, "u": {"holds": "b"}},
})  # fmt: skip


def corpus_of(documents, passages):
    return SimpleNamespace(
        codebook=BOOK, documents=documents, passages=passages, document={d.id: d for d in documents}
    )


def predictions_of(passages, holds, stance):
    """Predictions of 0.9 and 0.1, and stances by number."""
    holds = np.array(holds, dtype=bool)
    p = np.where(np.array(stance)[:, :, None] == np.arange(2), 0.8, 0.2)
    return Predictions(
        NAMES,
        tuple(x.id for x in passages),
        tuple(x.document_id for x in passages),
        np.where(holds, 0.9, 0.1),
        p,
        holds,
    )


def worked():
    documents = [
        Document(id="a", countries=["Mali", "Niger"], date="2020-01-02", genre="wire"),
        Document(id="b", countries=["Mali", "Mali"], genre="letter"),
        Document(id="c"),
    ]
    passages = [
        Passage(
            id="a1",
            document_id="a",
            index=0,
            text="one two",
            topics={"t": Label(stance="pro", basis="said")},
        ),
        Passage(
            id="a2",
            document_id="a",
            index=1,
            text="one two three",
            topics={"t": Label(stance="con", basis="said"), "u": Label(stance="pro", basis="done")},
        ),
        Passage(id="b1", document_id="b", index=0, text="one two three four", topics={}),
        Passage(
            id="c1",
            document_id="c",
            index=0,
            text="one two three four five",
            topics={"u": Label(stance="pro")},
        ),
    ]
    gold = Gold(
        np.array([[1, 0], [1, 1], [0, 0], [0, 1]], dtype=bool),
        np.array([[0, -1], [1, 0], [-1, -1], [-1, 0]]),
    )
    predicted = predictions_of(
        passages, [[1, 0], [1, 0], [1, 0], [0, 1]], [[0, 0], [0, 0], [0, 0], [0, 1]]
    )
    return predicted, gold, corpus_of(documents, passages)


def by_key(rows):
    return {(r.kind, r.group, r.score): r for r in rows}


def test_scores_of_groups_of_a_worked_example():
    rows = by_key(group_scores(*worked()))
    # Mali: a1 a2 b1. topics predicted 3, gold 3, both 2 -> 4/6; stances of gold pairs pro/pro,
    # con/pro, pro/pro -> 2/3;
    # joint: predicted pairs with the right stance and topic: a1's -> 2 x 1 / 6
    mali = [rows["country", "Mali", s] for s in ("topic/micro_f1", "stance/accuracy", "joint/f1")]
    assert [r.value for r in mali] == pytest.approx([4 / 6, 2 / 3, 2 / 6])
    assert (mali[0].units, mali[0].documents, mali[0].counted, mali[1].counted) == (3, 2, 2, 1)
    # Niger: a1 a2: predicted 2, gold 3, both 2 -> 4/5
    assert rows["country", "Niger", "topic/micro_f1"].value == pytest.approx(4 / 5)
    # letter: b1: a false topic, nothing in gold: F1 0, and no stance to score
    assert rows["genre", "letter", "topic/micro_f1"].value == 0
    assert rows["genre", "letter", "stance/accuracy"].value is None
    # said: pairs (a1, t) and (a2, t): both found, one stance right; done: (a2, u): not found,
    # stance right; c1's has no basis
    assert [
        rows["basis", "said", s].value for s in ("topic/recall", "stance/accuracy", "joint/recall")
    ] == [1, 0.5, 0.5]
    assert [
        rows["basis", "done", s].value for s in ("topic/recall", "stance/accuracy", "joint/recall")
    ] == [0, 1, 0]
    assert rows["basis", "said", "topic/recall"].units == 2
    assert [g for k, g, s in rows if k == "year" and s == "joint/f1"] == ["2020"]
    assert [g for k, g, s in rows if k == "genre" and s == "joint/f1"] == [
        "letter",
        "wire",
    ]  # the codebook's order
    # words 2 3 4 5: quarters end at 2, 3 and 4
    assert [g for k, g, s in rows if k == "length" and s == "joint/f1"] == [
        "2 to 2 words",
        "3 to 3 words",
        "4 to 4 words",
        "5 to 5 words",
    ]
    assert [r.kind for r in group_scores(*worked())] == sorted(
        (r.kind for r in group_scores(*worked())), key=KINDS.index
    )


def test_few_documents_have_a_score_and_no_interval():
    for r in group_scores(*worked()):
        assert r.low is None
        assert r.high is None


def many(n):
    documents = [
        Document(id=f"d{i}", countries=["Mali"], genre="wire", stratum="x", date="2020")
        for i in range(n)
    ]
    passages = [
        Passage(
            id=f"p{i}",
            document_id=f"d{i}",
            index=0,
            text="a b",
            topics={"t": Label(stance="pro", basis="said")},
        )
        for i in range(n)
    ]
    holds = [[i % 2, 0] for i in range(n)]
    gold = Gold(np.array([[1, 0]] * n, dtype=bool), np.array([[0, -1]] * n))
    return predictions_of(passages, holds, [[0, 0]] * n), gold, corpus_of(documents, passages)


def test_intervals_are_those_of_every_other_score():
    """Of a share of ten documents' passages: the interval of that share as a score by itself."""
    predicted, gold, corpus = many(FEWEST_DOCUMENTS)
    found = by_key(group_scores(predicted, gold, corpus, seed=3))["basis", "said", "topic/recall"]
    assert found.value == 0.5
    hits = predicted.holds[np.argsort(predicted.documents), 0].astype(float)[:, None]
    score = intervals.Score(hits, np.ones((10, 1)), np.ones(1))
    assert (found.low, found.high) == intervals.interval(score, document_draws(10, 3))
    assert found.low < 0.3 < 0.7 < found.high
    assert (
        by_key(group_scores(*many(FEWEST_DOCUMENTS - 1)))["basis", "said", "topic/recall"].low
        is None
    )


def test_groups_of_a_training_go_into_a_table(trained):
    rows = group_scores(trained.passages.predictions, trained.passages.gold, trained.corpus)
    out = io.StringIO()
    writer = csv.DictWriter(out, asdict(rows[0]))
    writer.writeheader()
    writer.writerows(asdict(r) for r in rows)
    assert (
        out.getvalue().splitlines()[0] == "kind,group,score,units,documents,counted,value,low,high"
    )
    assert {r.kind for r in rows} == set(KINDS)
    whole = trained.passages.report.scores["joint/f1"]
    assert by_key(rows)["stratum", "natural", "joint/f1"].value == pytest.approx(
        whole, abs=1e-12
    )  # the one stratum there is
    for r in rows:
        assert r.low is None or r.low <= r.high


def drawn(trained):
    p, g = trained.passages.predictions, trained.passages.gold
    reports = {"passage": trained.passages.report, "document": trained.documents.report}
    return figures(
        p,
        g,
        trained.fitted.decision.thresholds,
        groups=group_scores(p, g, trained.corpus),
        reports=reports,
        agreement=trained.agreement,
    )


def test_every_figure_is_saved_as_pdf_and_png_the_same_bytes_each_time(trained, tmp_path):
    found = drawn(trained)
    names = ("precision_recall", "reliability", "stance_confusion", "groups", "agreement")
    assert set(found) == {f"figures/{n}.{form}" for n in names for form in ("pdf", "png")}
    found["figures/agreement.pdf"].savefig(str(tmp_path / "a.pdf"))
    drawn(trained)["figures/agreement.pdf"].savefig(str(tmp_path / "b.pdf"))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def texts_of(figure):
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text)]


def test_nothing_of_a_figure_is_cut_off(trained):
    for name, figure in drawn(trained).items():
        if name.endswith(".png"):
            figure.canvas.draw()
            box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
            assert min(box.x0, box.y0) > -0.02, name
            assert box.x1 < width + 0.02, name
            assert box.y1 < height + 0.02, name


def test_small_groups_are_named_and_not_drawn(trained):
    p, g = trained.passages.predictions, trained.passages.gold
    rows = group_scores(p, g, trained.corpus)
    figure = figures(p, g, trained.fitted.decision.thresholds, groups=rows)["figures/groups.png"]
    words = texts_of(figure)
    few = {r.group for r in rows if r.kind == "year"} - {
        r.group for r in rows if r.kind == "year" and r.low is not None
    }
    assert few
    assert any("year: " in w and all(y in w for y in sorted(few)[:8]) for w in words)
    assert not [w for w in words if w.split(" (")[0] in few]


def test_a_label_without_support_and_groups_without_documents_are_drawn_as_nothing():
    predicted, gold, corpus = worked()
    none = Gold(np.zeros((4, 2), dtype=bool), np.full((4, 2), -1))
    found = figures(
        predicted, none, np.array([0.5, 0.5]), groups=group_scores(predicted, gold, corpus)
    )
    for name, figure in found.items():
        if name.endswith(".png"):
            figure.canvas.draw()
    assert not found["figures/precision_recall.png"].axes[0].lines
    assert any("country: Mali 2, Niger 1" in w for w in texts_of(found["figures/groups.png"]))


def test_agreement_is_drawn_where_there_are_annotators_and_a_report():
    predicted, gold, _ = worked()
    reports = {"passage": report(predicted, gold)}
    assert "figures/agreement.png" not in figures(
        predicted, gold, np.array([0.5, 0.5]), reports=reports, agreement={}
    )
    human = {"passage": {"topic/t/f1": 0.875}}
    axes = figures(predicted, gold, np.array([0.5, 0.5]), reports=reports, agreement=human)[
        "figures/agreement.png"
    ].axes[0]
    assert [0.875] in [list(line.get_xdata()) for line in axes.lines]


def test_a_learning_curve_has_its_band():
    from sahelclf.reports.figures.curves import learning_curve

    points = np.array([[0.5, 0.4, 0.6], [0.7, 0.65, 0.75]])
    axes = learning_curve([10, 20], {"F1": {"t": points}}, "mean ± sd over 3 seeds").axes[0]
    assert axes.lines[0].get_ydata().tolist() == [0.5, 0.7]
    edges = axes.collections[0].get_paths()[0].vertices
    assert {(10, 0.4), (10, 0.6), (20, 0.65), (20, 0.75)} <= {tuple(v) for v in edges}
