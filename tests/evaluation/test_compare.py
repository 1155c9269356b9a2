import json
import time

import numpy as np
import pandas as pd
import pytest

from sahelclf.cli import main
from sahelclf.errors import RequestError
from sahelclf.evaluation.compare import System, compare
from sahelclf.evaluation.prediction_tables import from_flat_rows, from_gold_rows
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.warnings import CODES, explained, warnings
from support import write_corpus

NAMES = Names(("t", "u"), ("pro", "con"))
DOCUMENTS, EACH = 60, 3


def gold_of(seed=0):
    rng = np.random.default_rng(seed)
    held = rng.random((DOCUMENTS * EACH, 2)) < 0.4
    return Gold(held, np.where(held, rng.integers(0, 2, size=held.shape), -1))


def made(seed, wrong, gold=None, names=NAMES):
    """A system that is wrong in a share of its decisions and stances."""
    rng = np.random.default_rng(seed)
    gold = gold_of() if gold is None else gold
    holds = gold.topics ^ (rng.random(gold.topics.shape) < wrong)
    likely = np.where(gold.topics, gold.stance, 0) ^ (rng.random(gold.topics.shape) < wrong)
    stance = np.where(likely[:, :, None] == np.arange(2), 0.8, 0.2)
    ids = tuple(f"d{i // EACH:02d}-{i % EACH}" for i in range(len(holds)))
    return Predictions(
        names, ids, tuple(i[:3] for i in ids), np.where(holds, 0.9, 0.1), stance, holds
    ), gold


def system(name, *members):
    return System(name, members)


def test_verdicts_are_one_of_three_and_against_the_first():
    a, close, bad = (
        system(n, made(s, w)) for n, s, w in (("a", 1, 0.15), ("b", 2, 0.15), ("c", 3, 0.4))
    )
    found = compare([a, close, bad], resamples=500)
    assert [found.row("topic/macro_f1", k).verdict for k in range(3)] == [
        "",
        "not distinguishable",
        "worse",
    ]
    assert compare([bad, a], resamples=500).row("joint/f1", 1).verdict == "better"
    assert (found.n_units, found.n_documents) == (180, 60)
    row = found.row("joint/f1", 2)
    assert row.difference.value == pytest.approx(
        row.value - found.row("joint/f1", 0).value, abs=1e-12
    )
    # six tests in all: the smallest p is taken six times
    p = sorted(x.difference.p for x in found.rows if x.difference)
    assert min(x.p_holm for x in found.rows if x.difference) == pytest.approx(6 * p[0])


def test_order_of_rows_does_not_matter():
    a, (predicted, gold) = system("a", made(1, 0.1)), made(2, 0.3)
    order = np.random.default_rng(0).permutation(180)
    shuffled = (predicted.take(order), Gold(gold.topics[order], gold.stance[order]))
    one, two = (compare([a, system("b", m)], resamples=200) for m in ((predicted, gold), shuffled))
    assert one.rows == two.rows


def test_a_mean_over_seeds_is_the_mean_of_their_scores():
    seeds = [made(s, 0.2) for s in (4, 5, 6)]
    found = compare([system("three", *seeds), system("one", seeds[0])], resamples=300)
    single = [
        compare([system("x", s), system("y", s)], resamples=50).row("joint/f1", 0).value
        for s in seeds
    ]
    row = found.row("joint/f1", 0)
    assert row.value == pytest.approx(np.mean(single), abs=1e-12)
    assert row.sd == pytest.approx(np.std(single, ddof=1), abs=1e-12)
    assert found.row("joint/f1", 1).sd is None


def test_2500_passages_and_2000_resamples_take_seconds():
    rng = np.random.default_rng(0)

    def one():
        n, held = 2500, gold.topics
        holds = held ^ (rng.random(held.shape) < 0.2)
        stance = rng.dirichlet(np.ones(2), size=held.shape)
        return Predictions(
            NAMES,
            tuple(map(str, range(n))),
            tuple(f"d{i // 5}" for i in range(n)),
            rng.random(held.shape),
            stance,
            holds,
        ), gold

    held = rng.random((2500, 2)) < 0.2
    gold = Gold(held, np.where(held, rng.integers(0, 2, size=held.shape), -1))
    systems = [system("a", one()), system("b", one())]
    started = time.process_time()
    assert compare(systems).n_documents == 500
    assert time.process_time() - started < 3


def test_what_cannot_be_compared_is_refused_with_the_difference():
    (predicted, gold), a = made(2, 0.2), system("a", made(1, 0.2))
    rows = np.arange(178)
    with pytest.raises(RequestError, match=r"a has 180, b 178; 2 only in a \(d59-1, d59-2\)"):
        compare(
            [a, system("b", (predicted.take(rows), Gold(gold.topics[rows], gold.stance[rows])))]
        )
    other = Names(("t", "v"), ("pro", "con"))
    with pytest.raises(
        RequestError, match=r"codebooks differ: a has topics \['t', 'u'\].*b has \['t', 'v'\]"
    ):
        compare([a, system("b", made(1, 0.2, names=other))])
    with pytest.raises(RequestError, match=r"gold differs: \d+ units have other labels in b"):
        compare([a, system("b", made(1, 0.2, gold_of(9)))])
    moved = Predictions(
        NAMES,
        predicted.ids,
        ("d99", *predicted.documents[1:]),
        predicted.probability,
        predicted.stance_probability,
        predicted.holds,
    )
    with pytest.raises(
        RequestError, match=r"1 units belong to another document in b than in a \(d00-0\)"
    ):
        compare([a, system("b", (moved, gold))])


def test_a_table_with_gold_comes_back_whole():
    predicted, gold = made(3, 0.2)
    again, its = from_gold_rows(predicted.flat_rows(gold), "t.csv")
    assert again.names == NAMES
    assert np.array_equal(again.holds, predicted.holds)
    assert np.array_equal(its.stance, gold.stance)
    assert again.documents == predicted.documents
    with pytest.raises(RequestError, match="t.csv: no gold to score against"):
        from_gold_rows(predicted.flat_rows(), "t.csv")
    rows = predicted.flat_rows(gold)
    with pytest.raises(
        RequestError, match="column id: found 'd00-1'; expected an id that no other row has"
    ):
        from_gold_rows([*rows, rows[1]], "t.csv")


def test_a_score_has_one_interval_in_a_comparison_and_in_a_report():
    from sahelclf.evaluation.report import HEADLINE, report

    one, other = made(3, 0.2), made(4, 0.3)
    compared = compare([system("a", one), system("b", (other[0], one[1]))])
    for k, predicted in enumerate((one[0], other[0])):
        alone = report(predicted, one[1])
        for score in HEADLINE:
            row = compared.row(score, k)
            assert (row.value, row.low, row.high) == (alone.scores[score], *alone.intervals[score])
            assert row.low < row.value < row.high


def test_readers_see_one_line_for_each_kind_of_warning():
    lines = ["W2 few-positives: t: 5", "W3 few-documents: 60", "W2 few-positives: pro: 7"]
    assert explained(lines) == [
        "fewer than 30 units have the label; its interval may be too narrow (W2): t 5, pro 7",
        "fewer than 100 documents; intervals may be too narrow, with one document there is no "
        "interval (W3): 60",
    ]


def test_a_missing_stance_is_a_miss_and_not_the_first_of_the_codebook():
    rows = [{"id": "1", "t_holds": "0", "u_holds": "1", "u_stance": "con"}]
    found = from_flat_rows(rows, NAMES, {"1": "d"}, "llm.csv")
    assert found.stance.tolist() == [[-1, 1]]
    gold = Gold(np.array([[True, True]]), np.array([[0, 1]]))
    assert "W7 no-stance: 1 of 2 pairs" in warnings(found, gold)
    assert "W6 labels-only: every probability is 0 or 1" in warnings(found, gold)
    from sahelclf.evaluation.report import report

    scores = report(found, gold).scores
    assert (scores["stance/pro/f1"], scores["stance/con/f1"]) == (
        0,
        1,
    )  # no false positive for con, one miss for pro


def test_warnings_carry_their_codes():
    predicted, gold = made(1, 0.0)
    assert warnings(predicted, gold) == ["W3 few-documents: 60"]
    none = Gold(gold.topics & [True, False], np.where([True, False], gold.stance, -1))
    assert "W1 no-support: u" in warnings(predicted, none)
    few = gold.topics.copy()
    few[np.flatnonzero(few[:, 0])[5:], 0] = False
    assert "W2 few-positives: t: 5" in warnings(
        predicted, Gold(few, np.where(few, gold.stance, -1))
    )
    mute = Predictions(
        NAMES,
        predicted.ids,
        predicted.documents,
        np.c_[np.full(180, 0.3), predicted.probability[:, 1]],
        predicted.stance_probability,
        predicted.holds & [False, True],
    )
    found = warnings(mute, gold)
    assert f"W4 never-predicted: t: {gold.topics[:, 0].sum()} units have it" in found
    assert "W5 constant-probability: t: 0.3" in found
    assert {w.split()[0] for w in found} <= set(CODES)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with two seeds of a model, another model, another corpus, and a sweep over models."""
    from sahelclf.tracking.runs import Record, log_record, open_run

    folder = tmp_path_factory.mktemp("store")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv(
        "MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}"
    )  # MLflow leaves the last one in the environment
    ids = {}

    def log(name, wrong, seed, parent=None, model="tfidf", corpus="c" * 64):
        predicted, gold = made(seed + 10 * len(model), wrong)
        tables = {
            f"predictions/{n}passages.csv": pd.DataFrame(predicted.flat_rows(gold))
            for n in ("", "test_")[: 1 + (name == "a0")]
        }
        metrics = {
            "train/seconds": 1.0 + seed,
            "speed/passages_per_second": 1000.0,
            "cv/joint/f1": 0.5,
            "cv/joint/f1/sd": 0.02,
        }
        with open_run(name, parent, {"sahelclf.kind": "train"}) as run_id:
            tags = {"corpus_sha256": corpus, "codebook": "1"}
            log_record(
                run_id,
                Record({"model": model, "seed": seed, "C": 4}, tags, metrics, [], {}, tables, {}),
            )
        ids[name] = run_id

    log("a0", 0.1, 0)
    log("a1", 0.1, 1)
    log("b0", 0.4, 0, model="keywords")
    log("x0", 0.1, 0, corpus="d" * 64)
    with open_run("sweep", tags={"sahelclf.kind": "sweep"}) as parent:
        for seed in (0, 1):
            log(f"s{seed}", 0.1, seed, parent)
            log(f"k{seed}", 0.4, seed, parent, model="keywords")
    ids["sweep"] = parent
    with open_run("sweep that was stopped", tags={"sahelclf.kind": "sweep"}) as ids["barren"]:
        pass
    yield folder, ids
    patch.undo()


def test_runs_are_compared_with_parameters_that_differ_and_cost(store, capsys):
    _, ids = store
    assert main(["compare", ids["a0"], f"runs:/{ids['b0']}"]) == 0
    printed, out = capsys.readouterr()
    plain = json.loads(printed)  # in a pipe; the table is for people
    assert (plain["units"], plain["documents"], plain["split"]) == (180, 60, "development")
    assert {s["verdict"] for s in plain["scores"] if s["system"] == "B"} == {"worse"}
    assert plain["parameters"]["model"] == ["tfidf", "keywords"]
    pair = f"[%22{ids['a0']}%22,%22{ids['b0']}%22]&experiments=[%221%22]"
    assert f"/#/compare-runs?runs={pair}" in out
    assert "180 passages of 60 documents, development predictions" in out
    assert "worse" in out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    assert lines["model"] == ["tfidf", "keywords"]
    assert lines["train/seconds"] == ["1.0", "1.0"]
    assert lines["cv/joint/f1"] == ["0.500", "±", "0.020", "0.500", "±", "0.020"]
    assert not {"seed", "C"} & set(lines)  # what is the same in both is not shown


def test_seeds_and_sweeps_are_systems(store, capsys):
    _, ids = store
    assert main(["compare", f"{ids['a0']},{ids['a1']}", ids["b0"]]) == 0
    out = capsys.readouterr().err
    assert "A  tfidf, mean of 2 seeds" in out
    seconds = next(line for line in out.splitlines() if line.startswith("train/seconds"))
    assert seconds.split()[1:] == ["1.5", "1.0"]  # seeds 0 and 1 took 1 and 2 seconds
    assert main(["compare", ids["sweep"]]) == 0
    out = capsys.readouterr().err
    assert "A  tfidf, mean of 2 seeds" in out
    assert "B  keywords, mean of 2 seeds" in out
    assert ", sd 0." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a0", "x0"], "corpora differ: cccccccccccccccc in A"),
        (["a0,b0", "a1"], "these differ in model"),
        (["a0,a0", "b0"], "seed 0 is duplicated"),
        (["a0"], "expected two or more"),
        (
            ["a0", "b0", "--split", "test"],
            "no predictions/test_passages.csv; python -m sahelclf evaluate BUNDLE --split test "
            "writes it",
        ),
        (["a0", "b0", "--level", "document"], "no predictions/documents.csv"),
        (["a0", "b0", "--to", "x.pdf"], "expected one of .md, .tex, .html"),
        (["a0", "nonsense"], "no such file, folder or run"),
        (["a0", "f" * 32], "has no run ffff"),
        (["a0", "barren"], "a sweep without a finished child"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(store, capsys, arguments, message):
    _, ids = store
    words = [",".join(ids.get(w, w) for w in a.split(",")) for a in arguments]
    assert main(["compare", *words]) == 2
    assert message in capsys.readouterr().err


def test_every_form_is_written_and_the_run_holds_the_table(store, capsys):
    folder, ids = store
    for form, part in (
        ("md", "| topic/macro_f1  | B "),
        ("tex", r"topic/macro\_f1"),
        ("html", 'class="worse">worse</td>'),
    ):
        assert main(["compare", ids["a0"], ids["b0"], "--to", f"t.{form}"]) == 0
        assert capsys.readouterr().out == f"t.{form}\n"
        assert part in (folder / f"t.{form}").read_text()
    page = (folder / "t.html").read_text()
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert not list(folder.glob(".part-*"))
    assert main(["compare", ids["a0"], ids["b0"], "--track"]) == 0
    from sahelclf.tracking.read import fetched_artifact, read_run

    found = read_run(capsys.readouterr().err.split("logged as run ")[1][:32], "x")
    assert (found.kind, found.params["level"], found.tags["corpus_sha256"]) == (
        "comparison",
        "passage",
        "c" * 64,
    )
    for name in ("comparison.md", "comparison.html"):
        with fetched_artifact(found, name) as path:
            assert "worse" in path.read_text()


def test_tables_of_any_system_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    root = write_corpus(tmp_path / "c")
    passages = [json.loads(line) for line in (root / "passages.jsonl").read_text().splitlines()]

    def table(name, rows):
        topics = ("fishing", "dredging")
        labels = [
            {"id": r["id"]}
            | {f"{t}_holds": t in r["topics"] for t in topics}
            | {f"{t}_stance": r["topics"].get(t, {}).get("stance") for t in topics}
            for r in rows
        ]
        pd.DataFrame(labels).to_csv(name, index=False)

    table("oracle.csv", passages)
    table("mute.csv", [p | {"topics": {}} for p in passages])
    table("short.csv", passages[:-2])
    table("doubled.csv", [*passages, passages[0]])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["compare", "oracle.csv", "mute.csv", "--corpus", str(root)]) == 0
    out, err = capsys.readouterr()  # on a terminal the table is the result
    assert "{" not in out
    assert "compare-runs" not in err  # there are no runs
    assert "1.000 [1.000, 1.000]" in out
    assert "B: W4 never-predicted: fishing" in out
    for name, message in (
        ("short.csv", "2 only in A (oracle.csv) (h039-1, h039-2)"),
        ("doubled.csv", "row 121 (id 'h000-0'), column id: found 'h000-0'"),
    ):
        assert main(["compare", "oracle.csv", name, "--corpus", str(root)]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "mlflow.db").exists()
    assert main(["compare", "oracle.csv", "0" * 32]) == 2
    assert "there is no MLflow store" in capsys.readouterr().err


def test_compare_is_callable_from_python(store):
    import sahelclf

    _, ids = store
    report = sahelclf.compare(ids["a0"], f"runs:/{ids['b0']}")
    table = report.table
    assert list(table.columns) == [
        "score", "system", "name", "value", "low", "high", "sd", "difference", "difference_low",
        "difference_high", "p", "p_holm", "verdict",
    ]  # fmt: skip
    worse = table[(table.system == "B") & (table.score == "joint/f1")].iloc[0]
    first = table[(table.system == "A") & (table.score == "joint/f1")].iloc[0]
    assert worse.difference == pytest.approx(worse.value - first.value, abs=1e-12)
    assert worse.verdict == "worse"
    assert np.isnan(first.difference)
    assert report.warnings == ("A, B: W3 few-documents: 60",)
    assert report.html().startswith("<!doctype html>")
    assert report.markdown().startswith("# Comparison\n")
    assert "\\begin{table}" in report.latex()
    assert (report.level, report.split, report.corpus_sha256) == (
        "passage",
        "development",
        "c" * 64,
    )
    with pytest.raises(RequestError, match="level 'unit': expected one of passage, document"):
        sahelclf.compare(ids["a0"], ids["b0"], level="unit")
    with pytest.raises(RequestError, match="no system; expected two or more"):
        sahelclf.compare()
