import json

import numpy as np
import pandas as pd
import pytest

from sahelclf.cli import main
from sahelclf.config import train_config
from sahelclf.corpus.read import read_corpus
from sahelclf.corpus.splits import document_groups, read_split, write_splits
from sahelclf.errors import CorpusError, RequestError
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.models.kinds import build_model
from sahelclf.paths import data_root
from sahelclf.studies.robustness import run as robustness
from sahelclf.studies.robustness.held_out import reference, shift_tests
from sahelclf.studies.robustness.name_swaps import Kind, Pair, read_swaps, swapper
from sahelclf.studies.robustness.shift import (
    PASSAGES,
    STANCES,
    TOPICS,
    changed_decisions,
    differences,
    direction_of_change,
)
from sahelclf.training.run import run as train_run
from support import tfidf_config, write_corpus, write_lines

SWAPS = """
vessel:
  means: one craft for another
  pairs:
    - {swap: [boat, dredger]}
    - {swap: [welcomed, protested]}
sky:
  pairs:
    - {swap: [rain, snow]}
"""


def keywords_config(**changes):
    return train_config(
        tfidf_config(**changes).model_dump(mode="json")
        | {"model": {"kind": "keywords", "dictionary": None}}
    )


@pytest.fixture(scope="module")
def quays(tmp_path_factory):
    """The small corpus with twelve outlets, splits and swaps."""
    root = write_corpus(tmp_path_factory.mktemp("quays") / "corpus", 48)
    rows = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    write_lines(
        root / "documents.jsonl",
        [
            r
            | {
                "outlet": f" Quay {i % 12} " if i % 2 else f"quay {i % 12}",
                "date": r["date"].replace("2023-03", "2023-09"),
            }
            for i, r in enumerate(rows)
        ],
    )
    (root / "swaps.yaml").write_text(SWAPS)
    write_splits(read_corpus(root), root / "splits")
    return root


# --- swaps ----------------------------------------------------------------------------------------
# -----------------------


@pytest.fixture(autouse=True)
def store_of_the_working_folder(monkeypatch):
    """MLflow leaves the address of the last store in the environment, for the next test too."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


def kind(*pairs, keep=()):
    return swapper("k", Kind(pairs=[Pair(**p) for p in pairs], keep=list(keep)))


def test_a_pair_changes_places_both_ways_at_once():
    swap = kind({"swap": ["Mali", "Niger"]}, {"swap": ["Malian", "Nigerien"]})
    assert swap("Mali's Malian-led talks with Niger and Nigerien envoys") == (
        "Niger's Nigerien-led talks with Mali and Malian envoys",
        4,
    )
    assert swap("nothing of the kind") == ("nothing of the kind", 0)


def test_names_are_whole_words_and_capitals_are_kept():
    swap = kind(
        {"swap": ["junta", "government"]}, {"swap": ["Chad", "Mali"]}, {"swap": ["Reuters", "AFP"]}
    )
    assert swap("Junta, JUNTA, juntas, the junta.") == (
        "Government, GOVERNMENT, juntas, the government.",
        3,
    )
    assert swap("CHAD, Chad, chad and Chadian") == ("MALI, Mali, chad and Chadian", 2)
    assert swap("AFP, afp, REUTERS") == ("Reuters, afp, AFP", 2)


def test_a_title_keeps_the_capital_of_every_word():
    swap = kind({"swap": ["military rulers", "transitional authorities"]})
    assert swap("Military Rulers, Military rulers, military\nrulers") == (
        "Transitional Authorities, Transitional authorities, transitional authorities",
        3,
    )


def test_the_longest_name_is_taken_and_phrases_to_keep_stay():
    swap = kind(
        {"swap": ["Burkina Faso | Burkina", "Chad"]},
        {"swap": ["Wagner Group | Wagner", "Africa Corps"]},
        keep=["Lake Chad"],
    )
    assert swap("Burkina Faso, Burkina, Chad, Lake Chad") == (
        "Chad, Chad, Burkina Faso, Lake Chad",
        3,
    )
    assert swap("Wagner, the Wagner Group, Africa Corps") == (
        "Africa Corps, the Africa Corps, Wagner Group",
        3,
    )


def test_a_name_may_be_bound_to_the_word_that_follows():
    swap = kind({"swap": ["French", "Russian"], "before": ["army", "special forces"]})
    assert swap("French army, French  special forces, French wine, French armyworm") == (
        "Russian army, Russian  special forces, French wine, French armyworm",
        2,
    )


def test_accents_and_both_apostrophes():
    swap = kind(
        {"swap": ["Burkinabè | Burkinabe", "Chadian"]}, {"swap": ["N'Djamena", "Ouagadougou"]}
    )
    assert swap("Burkinabè, Burkinabe, Chadian, N'Djamena, N’Djamena") == (
        "Chadian, Chadian, Burkinabè, Ouagadougou, Ouagadougou",
        5,
    )
    assert swap("Burkinabe\u0300") == (
        "Burkinabe\u0300",
        0,
    )  # decomposed: another spelling, not a word and a stray accent


def test_swapping_twice_gives_the_text_back():
    swap = kind({"swap": ["Mali", "Niger"]}, {"swap": ["junta", "government"]})
    text = "MALI: the junta of Niger met Mali's government. Government and Junta agreed."
    assert swap(swap(text)[0])[0] == text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("k: {pairs: [{swap: [a]}]}", "k.pairs.0.swap"),
        ("k: {pairs: []}", "k.pairs"),
        ("k: {pair: []}", "k.pair"),
        (
            "k: {pairs: [{swap: [Mali, Niger]}, {swap: [Niger, Chad]}]}",
            "'Niger' is duplicated; one name has one partner",
        ),
        ("k: {pairs: [{swap: ['Mali |', Niger]}]}", "an empty variant"),
        ("k: [", "not readable as YAML"),
    ],
)
def test_swaps_that_make_no_sense_are_refused_by_name(tmp_path, text, match):
    (tmp_path / "swaps.yaml").write_text(text)
    with pytest.raises(CorpusError, match=match):
        read_swaps(tmp_path / "swaps.yaml")


def test_the_swaps_of_the_corpus_touch_its_texts():
    root = data_root() / "annotations"
    corpus, swaps = read_corpus(root), read_swaps(root / "swaps.yaml")
    test = set(read_split(corpus, "grouped").parts["test"])
    texts = [p.text for p in corpus.passages if p.document_id not in test]
    assert {*swaps} == {"army", "country", "government", "outlet"}
    for swap in swaps.values():
        assert sum(swap(t)[1] > 0 for t in texts) >= 50
    assert swaps["army"]("French soldiers and French traders") == (
        "Russian soldiers and French traders",
        1,
    )
    assert swaps["government"]("heads of state and government met the junta") == (
        "heads of state and government met the government",
        1,
    )


# --- shifts of scores and decisions
# ----------------------------------------------------------------------------------------

NAMES = Names(("a", "b"), ("pro", "con"))


def predictions(holds, stances, documents=None):
    holds = np.array(holds, dtype=bool)
    ids = tuple(f"p{i}" for i in range(len(holds)))
    stance = np.eye(2)[np.array(stances)] * 0.8 + 0.1
    return Predictions(
        NAMES, ids, tuple(documents or ids), np.where(holds, 0.9, 0.2), stance, holds
    )


def test_changed_decisions_by_hand():
    before = predictions(
        [[1, 0], [1, 1], [0, 0], [1, 0]], [[0, 0], [0, 1], [0, 0], [1, 0]], ["x", "x", "y", "y"]
    )
    after = predictions(
        [[1, 1], [1, 1], [0, 0], [0, 0]], [[1, 0], [0, 1], [1, 1], [0, 0]], ["x", "x", "y", "y"]
    )
    found = {c.what: c for c in changed_decisions(before, after, seed=0)}
    # passages 0 (b gained) and 3 (a lost) of 4; 2 decisions of 8; topics that hold both times: a0,
    # a1, b1; a0 changed its stance
    assert (found[PASSAGES].changed, found[PASSAGES].of, found[PASSAGES].share) == (2, 4, 0.5)
    assert (found[TOPICS].changed, found[TOPICS].of, found[TOPICS].share) == (2, 8, 0.25)
    assert (found[STANCES].changed, found[STANCES].of, found[STANCES].share) == (1, 3, 1 / 3)
    # both documents changed one passage of two, so every resample has that share; only x has stance
    # decisions
    assert found[PASSAGES].interval == (0.5, 0.5)
    assert found[STANCES].n_documents == 1
    assert found[STANCES].interval == pytest.approx((1 / 3, 1 / 3))
    moved = direction_of_change(before, after)
    assert (moved["a"]["gained"], moved["a"]["lost"], moved["b"]["gained"]) == (0, 1, 1)
    assert moved["b"]["mean_shift"] == pytest.approx(0.7 / 4)


def test_a_swap_that_touches_nothing_has_shares_of_zero():
    nothing = predictions(np.zeros((0, 2)), np.zeros((0, 2), dtype=int))
    assert all(
        (c.share, c.interval, c.of) == (0.0, (0.0, 0.0), 0)
        for c in changed_decisions(nothing, nothing, seed=0)
    )
    assert direction_of_change(nothing, nothing)["a"] == {"gained": 0, "lost": 0, "mean_shift": 0.0}


def test_scores_beside_a_reference_by_hand():
    gold = Gold(
        np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool),
        np.array([[0, -1], [0, -1], [-1, 1], [-1, 1]]),
    )
    right = predictions([[1, 0], [1, 0], [0, 1], [0, 1]], [[0, 1]] * 4)
    half = predictions([[1, 0], [0, 0], [0, 1], [0, 1]], [[0, 1]] * 4)
    (found,) = differences(half, right, gold, ("topic/macro_f1",), seed=0)
    # a: one of two found, F1 2/3; b: 1; mean 5/6
    assert found.value == pytest.approx(5 / 6)
    assert found.reference == 1.0
    assert found.difference == pytest.approx(-1 / 6)
    assert found.difference_interval[0] < -1 / 6 < found.difference_interval[1] <= 0
    (same,) = differences(half, half, gold, ("topic/macro_f1",), seed=0)
    assert same.difference_interval == (0.0, 0.0)
    with pytest.raises(ValueError, match="same units"):
        differences(half, right.take([1, 0, 2, 3]), gold, ("topic/macro_f1",), seed=0)


# --- what is held out -----------------------------------------------------------------------------
# -------------------------


def test_no_trial_touches_the_test_part_and_nothing_held_out_is_trained_on(quays):
    plan = robustness.make_plan(tfidf_config(corpus=str(quays)))
    test = set(read_split(plan.corpus, "grouped").parts["test"])
    group = dict(
        zip((d.id for d in plan.corpus.documents), document_groups(plan.corpus), strict=True)
    )
    assert [t.name for t in plan.tests] == ["country", "temporal-2021", "temporal-2023", "outlet"]
    for trial in (plan.reference, *plan.tests):
        for held in trial.held:
            assert not test & {*held.documents, *held.train}
            assert not {group[d] for d in held.documents} & {group[d] for d in held.train}
            assert held.documents
            assert held.train
    assert any(f"{len(test)} documents of test parts" in n for n in plan.notes)


def test_an_outlet_is_on_one_side_only_however_it_is_written(quays):
    corpus = read_corpus(quays)
    (outlet,) = [
        t
        for t in shift_tests(
            corpus, [d.id for d in corpus.documents], tfidf_config(corpus=str(quays))
        )[0]
        if t.name == "outlet"
    ]
    clean = {d.id: str(d.outlet).strip().lower() for d in corpus.documents}
    assert sorted(d for h in outlet.held for d in h.documents) == sorted(clean)
    for held in outlet.held:
        assert not {clean[d] for d in held.documents} & {clean[d] for d in held.train}


def test_countries_and_cuts_are_held_out_as_the_splits_say(quays):
    plan = robustness.make_plan(tfidf_config(corpus=str(quays)))
    country, before_2022, *_ = plan.tests
    first = {d.id: d.countries[0] for d in plan.corpus.documents}
    assert {h.name for h in country.held} == {"Mali", "Chad"}
    for held in country.held:
        assert {first[d] for d in held.documents} == {held.name}
        assert held.name not in {first[d] for d in held.train}
    (held,) = before_2022.held
    date = {d.id: str(d.date) for d in plan.corpus.documents}
    assert max(date[d] for d in held.train) < "2022-01-01" <= min(date[d] for d in held.documents)


def test_training_documents_of_the_held_out_events_are_left_out_and_counted(tmp_path):
    root = write_corpus(tmp_path / "c", 48)
    write_splits(read_corpus(root), root / "splits")  # before anybody saw that two are one event
    rows = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    write_lines(
        root / "documents.jsonl",
        [r | ({"event_id": "same"} if i in {0, 1} else {}) for i, r in enumerate(rows)],
    )  # one in Mali, one in Chad
    corpus = read_corpus(root)
    found, notes = shift_tests(
        corpus, [d.id for d in corpus.documents], tfidf_config(corpus=str(root))
    )
    for held in found[0].held:
        assert not {"h000", "h001"} & set(held.train)
    assert (
        "country: 2 documents are not trained on: they share an event, a page or a passage "
        "with the held-out ones" in notes
    )


def test_what_a_corpus_does_not_allow_is_left_out_with_the_reason(tmp_path):
    root = write_corpus(tmp_path / "c", 30)
    config = tfidf_config(corpus=str(root))
    with pytest.raises(RequestError, match="no test of robustness is possible"):
        robustness.make_plan(config)  # one outlet, no splits, no swaps
    write_splits(read_corpus(root), root / "splits")
    (root / "splits" / "country.json").write_text(
        json.dumps(
            {
                "name": "country",
                "kind": "folds",
                "rule": "r",
                "parts": {"A": [f"h{i:03d}" for i in range(28)], "B": ["h028"]},
            }
        )
    )
    plan = robustness.make_plan(config)
    notes = "\n".join(plan.notes)
    assert "country: left out; found 1 countries of 10 development documents or more" in notes
    assert "outlet: left out; found 1 outlets without an event in common, expected 3" in notes
    assert "swaps: left out; c has no swaps.yaml" in notes
    assert "temporal-2021" in plan.fits


def test_another_split_or_cv_is_refused(quays):
    with pytest.raises(
        RequestError, match="split=temporal-2021: robustness uses the development"
    ) as error:
        robustness.make_plan(tfidf_config(corpus=str(quays), split="temporal-2021", cv=3))
    assert len(error.value.problems) == 2


# --- the whole ------------------------------------------------------------------------------------
# ---------------------------


def test_the_reference_is_the_cross_fitting_of_train_to_the_bit(quays):
    config = tfidf_config(corpus=str(quays))
    trained = train_run(config)
    plan = robustness.make_plan(config)
    (passages, documents), _ = robustness.rotate(plan, plan.reference)
    assert passages.ids == trained.passages.predictions.ids
    assert np.array_equal(passages.probability, trained.passages.predictions.probability)
    assert np.array_equal(passages.holds, trained.passages.predictions.holds)
    assert np.array_equal(documents.probability, trained.documents.predictions.probability)
    assert plan.reference == reference(plan.corpus, plan.development, config)


@pytest.fixture(scope="module")
def counted(quays):
    """A run of the dictionary, and how many models were built for it."""
    fitted = []

    def build(*args):
        fitted.append(args)
        return build_model(*args)

    plan = robustness.make_plan(keywords_config(corpus=str(quays)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "build_model", build)
        steps = []
        found = robustness.run(plan, steps.append)
    return found, len(fitted), steps


def test_it_fits_as_many_models_as_it_says(counted):
    found, fitted, steps = counted
    # three folds, two countries, four each for two cuts, three folds of outlets
    assert found.plan.fits == {
        "reference": 3,
        "country": 2,
        "temporal-2021": 4,
        "temporal-2023": 4,
        "outlet": 3,
    }
    assert fitted == 16
    assert [s.fit for s in steps] == list(range(16))
    assert {s.fits for s in steps} == {16}


def test_every_part_is_scored_beside_the_reference_on_its_own_passages(counted):
    found, _, _ = counted
    assert [(t.trial, t.held) for t in found.trials] == [
        ("country", "all"),
        ("country", "Mali"),
        ("country", "Chad"),
        ("temporal-2021", "after the cut"),
        ("temporal-2023", "after the cut"),
        ("outlet", "all"),
    ]
    for t in found.trials:
        assert {s.score for s in t.scores} == {
            "topic/macro_f1",
            "stance/macro_f1",
            "joint/f1",
            "topic/fishing/f1",
            "topic/dredging/f1",
        }
        assert t.n_passages == 3 * t.n_documents
        for s in t.scores:
            assert s.difference == pytest.approx(s.value - s.reference)
            assert s.difference_interval[0] <= s.difference <= s.difference_interval[1]


def test_swaps_change_what_the_model_reads_and_nothing_else(counted, quays):
    found, _, _ = counted
    vessel, sky = found.swaps
    corpus, development = found.plan.corpus, set(found.plan.development)
    swap = read_swaps(quays / "swaps.yaml")["vessel"]
    touched = [p for p in corpus.passages if p.document_id in development and swap(p.text)[1]]
    assert vessel.n_passages == len(touched)
    assert vessel.n_names == sum(swap(p.text)[1] for p in touched)
    # 'boat' is a term of fishing and 'dredger' of dredging: a passage with the one word alone loses
    # a topic or gains one
    assert vessel.changed[0].share > 0.1
    assert sum(vessel.topics["fishing"].values()) != 0
    assert sky.n_passages > 0
    assert [c.changed for c in sky.changed] == [0, 0, 0]  # the dictionary knows no weather


def test_the_command_writes_one_table_everywhere(quays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["robustness", "model=keywords", f"corpus={quays}", "crossfit=3", "out=found"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "found"
    assert "16 fits of keywords: reference 3, country 2" in captured.err
    rows = pd.read_csv(tmp_path / "found" / "robustness.csv")
    record = json.loads((tmp_path / "found" / "robustness.json").read_text())
    assert len(rows) == sum(len(t["scores"]) for t in record["trials"]) + sum(
        len(s["changed"]) for s in record["swaps"]
    )
    assert "| outlet " in (tmp_path / "found" / "robustness.md").read_text()
    from sahelclf.tracking.store import mlflow

    client = mlflow().MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("sahelclf").experiment_id])
    assert run.data.tags["sahelclf.kind"] == "robustness"
    mali = rows[(rows.held_out == "Mali") & (rows.score == "joint/f1")].iloc[0]
    assert run.data.metrics["country/Mali/joint/f1"] == round(mali.value, 3)
    assert run.data.metrics["country/Mali/joint/f1/difference"] == round(mali.difference, 3)
    assert {a.path for a in client.list_artifacts(run.info.run_id)} >= {
        "robustness.json",
        "robustness.csv",
        "config.json",
        "versions.json",
    }
    assert main(["robustness", "model=keywords", "out=found"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_wrong_request_is_one_line(capsys):
    assert main(["robustness", "model=nothing"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("sahelclf: ")
    assert "model=nothing: expected one of" in message
    assert message.count("\n") == 1
    assert main(["robustness", "-m", "seed=0,1"]) == 2
    assert "unknown option '-m'" in capsys.readouterr().err
    assert main(["robustness", "--help"]) == 0
    assert "swaps.yaml" in capsys.readouterr().out


def test_the_same_plan_twice_is_the_same_result(counted, quays):
    again = robustness.run(robustness.make_plan(keywords_config(corpus=str(quays))))
    assert again.as_dict() == counted[0].as_dict()
