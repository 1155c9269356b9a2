"""Rows are made up, in the formats of the public sets; the sets' texts are in no repository of
ours.
"""

import json

import numpy as np
import pytest
import yaml

from encoders import write_encoder
from sahelclf.cli import main
from sahelclf.errors import RequestError
from sahelclf.evaluation import task_scores
from sahelclf.models.keywords import read_terms
from sahelclf.paths import data_root
from sahelclf.reports.text import table
from sahelclf.studies.benchmark.fits import Outputs, cells_of, data_sha256
from sahelclf.studies.benchmark.results import HEADER, shown_rows
from sahelclf.studies.benchmark.scores import (
    decide_from,
    decide_held_out,
    score,
    score_systems,
    systems_of,
)
from sahelclf.studies.benchmark.sets import SETS, read_set
from sahelclf.tasks.base import TaskSpec
from sahelclf.tasks.labels import task_data
from sahelclf.training.compose import compose_benchmark, compose_config

ATTACKS = {
    "gunmen shot the guards at the gate": "1\t0\t0\t0",
    "a bomb went off beside the road": "0\t1\t0\t0",
    "villagers were abducted for ransom": "0\t0\t1\t0",
    "the tower was torched by night": "0\t0\t0\t1",
    "gunmen shot at guards after a bomb": "1\t1\t0\t0",
    "the tower was torched and two were abducted": "0\t0\t1\t1",
}
MULTILABEL = TaskSpec("m", "multilabel", ("a", "b"), "example_f1", may_be_empty=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One MLflow store for all commands of this file: to make one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def working_folder(tmp_path, store, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setattr(task_scores, "GRID", task_scores.GRID[4::8])  # most of the time goes there


@pytest.fixture
def clones(tmp_path):
    """A clone of ConfliBERT with satp_relevant (one test text stands in train) and cameo_class, and
    one of TweetEval.
    """
    conflict = tmp_path / "clones" / "ConfliBERT" / "data"
    lines = [f"{text}, item {i}\t{labels}\n" for i in range(6) for text, labels in ATTACKS.items()]
    for part, rows in {
        "train": lines,
        "dev": [x.replace("item", "note") for x in lines],
        "test": [*(x.replace("item", "line") for x in lines[:11]), lines[0]],
    }.items():
        (conflict / "satp_relevant").mkdir(parents=True, exist_ok=True)
        (conflict / "satp_relevant" / f"{part}.tsv").write_text("".join(rows))
    (conflict / "cameo_class").mkdir()
    acts = [
        "they said it",
        "they met and agreed",
        "they sent aid",
        "they accused him",
        "they attacked it",
    ]
    for part in ("train", "test"):
        (conflict / "cameo_class" / f"{part}.tsv").write_text(
            "".join(
                f"{part} {text} on day {i}\t{k}\n" for i in range(4) for k, text in enumerate(acts)
            )
        )
    for folder in SETS["tweeteval_stance"].targets:
        place = tmp_path / "clones" / "tweeteval" / "datasets" / "stance" / folder
        place.mkdir(parents=True)
        for part in ("train", "val", "test"):
            (place / f"{part}_text.txt").write_text(
                f"{part} says good on {folder}\n{part} says bad on {folder}\n{part} says {folder} "
                "so\n" * 3
            )
            (place / f"{part}_labels.txt").write_text("2\n1\n0\n" * 3)
    return tmp_path / "clones"


def results(folder, part, suite="conflict"):
    return json.loads((folder / f"{suite}-{part}.json").read_text())["rows"]


def run(clones, tmp_path, *more):
    return main(
        ["benchmark", f"root={clones}", f"out={tmp_path / 'out'}", "models=[keywords,tfidf]", *more]
    )


# --- what is fitted on development rows
# --------------------------------------------------------------------------------


def test_without_development_rows_nothing_is_fitted():
    logits = np.array([[0.1, -0.1], [-2.0, 3.0]])
    assert decide_from(MULTILABEL, "example_f1", logits, None, None).tolist() == [
        [True, False],
        [False, True],
    ]


def test_a_development_row_is_decided_by_the_other_folds_alone():
    """Labels of one group are turned round: its own decisions cannot follow, whatever its labels
    say.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(60, 2))
    logits = (2.0 * y - 1) * 3 + rng.normal(size=y.shape)
    ids = [f"r{i}" for i in range(60)]
    spec = MULTILABEL
    labels = [tuple(n for n, on in zip("ab", row, strict=True) if on) for row in y]
    groups = ["one"] * 10 + ids[10:]
    data = task_data(spec, ids, groups, ids, labels)
    turned = task_data(
        spec,
        ids,
        groups,
        ids,
        [tuple(n for n in "ab" if n not in lab) if i < 10 else lab for i, lab in enumerate(labels)],
    )
    assert (
        decide_held_out(spec, "macro_f1", logits, data)[:10]
        == decide_held_out(spec, "macro_f1", logits, turned)[:10]
    ).all()


def test_a_score_is_the_mean_over_seeds_with_the_spread_and_the_interval_of_groups():
    data = task_data(
        MULTILABEL, ["1", "2", "3"], ["d", "d", "e"], ["x", "y", "z"], [("a",), ("b",), ("a", "b")]
    )
    right = data.y > 0
    half = right.copy()
    half[2] = [True, False]
    # rows' F1 of `half`: 1, 1, 2*1/(2+1) = 2/3; their mean is 8/9
    found = score(MULTILABEL, "example_f1", [right, half], data)
    assert found.by_seed == pytest.approx((1.0, 8 / 9))
    assert found.value == pytest.approx(17 / 18)
    assert found.sd == pytest.approx((1 / 9) / np.sqrt(2))
    assert found.low <= found.value <= found.high
    assert score(MULTILABEL, "example_f1", [right], data).sd is None


# --- systems --------------------------------------------------------------------------------------
# ---------------------


def test_a_blend_adds_logits_seed_by_seed_and_seeds_are_averaged(clones):
    config = compose_benchmark(
        [f"root={clones}", "models=[transformer,blend]", "seeds=[0,1]", "tfidf_weight=2.0"]
    )
    one, two, linear = (
        Outputs(None, np.array([[x]]), {"seconds": s, "cells": [c]})
        for x, s, c in ((1.0, 10, "t0"), (3.0, 20, "t1"), (0.5, 1, "l"))
    )
    found = systems_of(
        config, {("transformer", 0): one, ("transformer", 1): two, ("tfidf", 0): linear}
    )
    assert {k: [float(o.test[0, 0]) for o in v] for k, v in found.items()} == {
        "transformer": [1.0, 3.0],
        "blend": [2.0, 4.0],
        "transformer, 2 seeds averaged": [2.0],
        "blend, 2 seeds averaged": [3.0],
    }
    assert found["blend, 2 seeds averaged"][0].about == {
        "seconds": 32,
        "cells": ["t0", "l", "t1", "l"],
    }


def test_test_rows_whose_text_training_has_seen_are_also_left_out(clones):
    found = read_set("satp_relevant", clones / "ConfliBERT")
    outputs = Outputs(
        np.where(found.dev.y > 0, 3.0, -3.0),
        np.where(found.test.y > 0, 3.0, -3.0),
        {"seconds": 1, "cells": ["c"]},
    )
    lines = score_systems(found, {"s": [outputs]}, "test")
    assert [(x.metric, x.rows, x.n_rows, x.scored.value) for x in lines] == [
        ("example_f1", "all", 12, 1.0),
        ("example_f1", "unseen", 11, 1.0),
        ("macro_f1", "all", 12, 1.0),
        ("macro_f1", "unseen", 11, 1.0),
    ]


# --- the command ----------------------------------------------------------------------------------
# ---------------------


def test_development_is_scored_by_default_and_the_test_part_leaves_a_line_a_system(
    clones, tmp_path, capsys
):
    assert run(clones, tmp_path, "sets=[satp_relevant]") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == str(tmp_path / "out")
    assert "test in train" in shown.err
    assert not (tmp_path / "out" / "ledger.jsonl").exists()
    assert {(r["system"], r["part"], r["rows"]) for r in results(tmp_path / "out", "dev")} == {
        (m, "dev", "all") for m in ("keywords", "tfidf")
    }
    assert all(
        not r["others"] for r in results(tmp_path / "out", "dev")
    )  # theirs are of the test part

    cells = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "cells").rglob("*.npz")}
    assert len(cells) == 2
    for _ in range(
        2
    ):  # the second time nothing is fitted, and nothing new is known of the test part
        assert run(clones, tmp_path, "sets=[satp_relevant]", "part=test") == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "cells").rglob("*.npz")} == cells
    ledger = [
        json.loads(line) for line in (tmp_path / "out" / "ledger.jsonl").read_text().splitlines()
    ]
    assert [(x["set"], x["system"]) for x in ledger] == [
        ("satp_relevant", "keywords"),
        ("satp_relevant", "tfidf"),
    ]
    found = {(r["system"], r["metric"], r["rows"]): r for r in results(tmp_path / "out", "test")}
    assert found["tfidf", "example_f1", "all"]["value"] > 0.8
    assert found["tfidf", "example_f1", "all"]["others"][0]["system"] == "ConfliBERT (110M), tuned"
    assert not found["tfidf", "macro_f1", "all"]["others"]
    assert ledger[1]["test"]["example_f1 (all)"] == found["tfidf", "example_f1", "all"]["value"]


def test_a_set_without_development_rows_is_said_and_scored_on_test_alone(clones, tmp_path, capsys):
    assert run(clones, tmp_path, "sets=[cameo_class]") == 0
    assert "cameo_class has no development part" in capsys.readouterr().err
    assert results(tmp_path / "out", "dev") == []
    assert run(clones, tmp_path, "sets=[cameo_class]", "part=test") == 0
    assert {r["metric"] for r in results(tmp_path / "out", "test")} == {"macro_f1"}


def test_sets_that_are_not_asked_for_keep_their_lines_in_the_results(clones, tmp_path):
    run(clones, tmp_path, "sets=[cameo_class]", "part=test")
    run(clones, tmp_path, "sets=[satp_relevant]", "part=test")
    run(clones, tmp_path, "sets=[satp_relevant]", "models=[tfidf]", "part=test")
    found = {(r["set"], r["system"]) for r in results(tmp_path / "out", "test")}
    assert found == {
        ("cameo_class", "keywords"),
        ("cameo_class", "tfidf"),
        ("satp_relevant", "tfidf"),
    }


def test_linear_models_read_each_target_with_a_model_of_its_own_and_the_transformer_reads_pairs(
    clones, tmp_path
):
    encoder = write_encoder(tmp_path / "encoder")
    tiny = [
        f"model.transformer.{x}"
        for x in (
            f"encoder={encoder}",
            "window=64",
            "overlap=8",
            "epochs=1",
            "frozen_layers=0",
            "threads=1",
        )
    ]
    code = main(
        [
            "benchmark",
            "benchmark=stance",
            f"root={clones}",
            f"out={tmp_path / 'out'}",
            "models=[tfidf,transformer,blend]",
            "seeds=[0,1]",
            *tiny,
        ]
    )
    assert code == 0
    found = {
        (r["system"], r["metric"]): r["value"] for r in results(tmp_path / "out", "dev", "stance")
    }
    assert found["tfidf", "mean_f1/against+favor"] == 1.0  # the words say it
    assert {s for s, _ in found} == {
        "tfidf",
        "transformer",
        "blend",
        "transformer, 2 seeds averaged",
        "blend, 2 seeds averaged",
    }


def test_other_settings_are_another_cell(clones, tmp_path):
    run(clones, tmp_path, "sets=[satp_relevant]")
    run(clones, tmp_path, "sets=[satp_relevant]", "model.tfidf.C=1.0")
    assert len(list((tmp_path / "out" / "cells").rglob("tfidf-*.npz"))) == 2
    assert len(list((tmp_path / "out" / "cells").rglob("keywords-*.npz"))) == 1


def test_a_cell_of_other_rows_is_refused(clones, tmp_path):
    run(clones, tmp_path, "sets=[satp_relevant]")
    (cell,) = (tmp_path / "out" / "cells").rglob("tfidf-*.npz")
    np.savez_compressed(cell, about="{}", dev=np.zeros((3, 4)), test=np.zeros((12, 4)))
    assert run(clones, tmp_path, "sets=[satp_relevant]") == 2


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["root=nowhere"], "git clone https://github.com/eventdata/ConfliBERT"),
        ([], "root= is missing"),
        (["root=nowhere", "part=both"], "part"),
        (["root=nowhere", "sets=[satp]"], "expected some of"),
        (["root=nowhere", "benchmark=others"], "others"),
        (["root=nowhere", "seed=1"], "seed"),
        (["root=nowhere", "--seeds"], "unknown option"),
    ],
)
def test_what_cannot_be_done_is_explained(args, told, capsys):
    assert main(["benchmark", *args]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
    assert all(line.startswith("sahelclf: ") for line in shown.splitlines())


def test_changed_labels_are_other_data(clones):
    before = data_sha256(read_set("cameo_class", clones / "ConfliBERT"))
    path = clones / "ConfliBERT" / "data" / "cameo_class" / "train.tsv"
    path.write_text(path.read_text().replace("\t4\n", "\t3\n", 1))
    assert data_sha256(read_set("cameo_class", clones / "ConfliBERT")) != before


# --- the suites -----------------------------------------------------------------------------------
# ---------------------


@pytest.mark.parametrize("suite", ["conflict", "stance"])
def test_suites_name_sets_that_are_read_and_dictionaries_name_their_labels(suite):
    plan = compose_benchmark([f"benchmark={suite}"]).benchmark
    assert plan.name == suite
    for name, chosen in plan.sets.items():
        spec = SETS[name].spec(name)
        if chosen.dictionary:
            terms = read_terms(
                data_root() / "conf" / "benchmark" / "keywords" / chosen.dictionary, spec.labels
            )
            assert set(terms) == set(spec.labels[1:] if spec.kind == "binary" else spec.labels)


def test_the_blend_of_a_benchmark_is_that_of_the_package():
    assert compose_benchmark().tfidf_weight == compose_config(["model=blend"]).model.tfidf_weight
    raw = yaml.safe_load((data_root() / "conf" / "model" / "blend.yaml").read_text())
    assert compose_benchmark().tfidf_weight == raw["tfidf_weight"]


def test_settings_of_a_set_are_checked(clones):
    config = compose_benchmark(
        [f"root={clones}", "models=[tfidf]", "+benchmark.sets.satp_relevant.settings.tfidf.C=-1.0"]
    )
    with pytest.raises(RequestError, match=r"benchmark\.sets\.satp_relevant\.settings\.tfidf"):
        cells_of(config, "satp_relevant", read_set("satp_relevant", clones / "ConfliBERT"))


def test_the_page_in_the_docs_shows_the_committed_results():
    folder = data_root() / "experiments" / "08-public-sets"
    page = (data_root() / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for suite in ("conflict", "stance"):
        rows = results(folder, "test", suite)
        assert table([HEADER, *shown_rows(rows)], "github") in page
        ledger = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
        scored = {(x["set"], x.get("system")) for x in ledger}
        assert {(r["set"], r["system"]) for r in rows} <= scored
