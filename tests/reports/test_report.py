import json
import re

import numpy as np
import pandas as pd
import pytest

from sahelclf.bundle.write import write_bundle
from sahelclf.cli import main
from sahelclf.errors import CorpusError, RequestError
from sahelclf.evaluation.prediction_files import read_table
from sahelclf.evaluation.prediction_tables import from_gold_rows
from sahelclf.evaluation.report import Report
from sahelclf.paths import data_root
from sahelclf.reports.bibliography import (
    bibliography,
    cff_entry,
    cited_keys,
    read_cff,
    references,
)
from sahelclf.reports.methods import as_latex, methods_paragraph
from sahelclf.reports.tables import Subject, tables
from sahelclf.reports.text import escape_latex
from sahelclf.tracking import runs
from sahelclf.training.run import run as train_run
from sahelclf.workflows.record import training_record
from support import tfidf_config

ALPHA = [
    {"level": "passage", "what": what, "n": 90, "annotators": 3, "alpha": alpha}
    for what, alpha in (
        ("fishing", 0.91),
        ("dredging", 0.8),
        ("fishing stance", 0.7),
        ("dredging stance", None),
        ("topic sets (MASI)", 0.5),
    )
] + [{"level": "document", "what": "fishing", "n": 40, "alpha": 0.1}]


@pytest.fixture(autouse=True)
def store_of_the_working_folder(monkeypatch):
    """MLflow leaves the last store's address in the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


@pytest.fixture(scope="module")
def manifest(bundle):
    return json.loads((bundle / "manifest.json").read_text())


def subject(manifest, **changes):
    manifest = manifest | {
        "config": manifest["config"] | {k: v for k, v in changes.items() if k != "metrics"}
    }
    reports = {
        "passages": Report.from_dict(manifest["scores"]["passage"]),
        "documents": Report.from_dict(manifest["scores"]["document"]),
    }
    return Subject(
        f"tfidf, seed {manifest['config']['seed']}",
        manifest,
        reports,
        changes.get("metrics", {}),
        {},
    )


# --- the paragraph and its references ---------------------------------------------------


def test_the_paragraph_says_what_the_manifest_says(manifest):
    text = methods_paragraph([subject(manifest)], ALPHA, [], corpus_cited=True)
    counts = manifest["corpus"]
    parts = counts["parts"]
    assert f"(40 documents, 120 passages; codebook 0.3; SHA-256 {counts['sha256'][:16]})" in text
    assert "defines 2 topics (fishing and dredging), any number of which may hold" in text
    # topics are the rows named as topics, stances those with an alpha; documents and sets are not
    # among them
    assert (
        "of the 3 annotators on 90 passages ranged from 0.800 to 0.910 over the topics and "
        "from 0.700 to 0.700 over their stances" in text
    )
    before = [{k: v for k, v in row.items() if k != "annotators"} for row in ALPHA]
    of_old_card = methods_paragraph([subject(manifest)], before, [], corpus_cited=True)
    assert "of the annotators on 90 passages" in of_old_card  # it does not say how many
    assert (
        f'The split "grouped" has {parts["train"]} train, {parts["dev"]} dev and {parts["test"]} '
        "test documents; no test document is used in training" in text
    )
    assert (
        "word 1-2-grams (in at least 1 passages) and within-word character 3-4-grams "
        "(in at least 2 passages)" in text
    )
    assert "C = 4, class-balanced weights" in text
    assert "derive from its seed (0)" in text
    assert "cross-fitted over 3 folds of documents" in text
    assert f"sahelclf {manifest['versions']['sahelclf']} [@sahelclf]" in text
    assert f"{manifest['threads']} hardware threads" in text
    assert "Test scores" not in text
    assert "Robustness" not in text


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({}, "the corpus does not record who the annotators are."),
        ({"a": "person"}, "the annotator is 1 person."),
        (
            {"a": "language model", "adjudication": "person"},
            "the annotator is 1 language model, and a person decided on the units that differed.",
        ),
        (
            {"a": "language model", "b": "person", "c": "person"},
            "the annotators are 1 language model and 2 people.",
        ),
    ],
)
def test_the_paragraph_says_who_annotated(manifest, kinds, said):
    text = methods_paragraph([subject(manifest)], ALPHA, [], corpus_cited=False, annotators=kinds)
    assert f"over their stances; {said}" in text


def test_the_corpus_records_who_annotated(tmp_path, harbour):
    from sahelclf.corpus.read import corpus_root, read_annotator_kinds

    assert read_annotator_kinds(harbour) == {}
    packaged = read_annotator_kinds(corpus_root(None))
    assert set(packaged) == {"a", "b", "adjudication"}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "anna.jsonl").touch()
    (tmp_path / "annotators.yaml").write_text("anna: human\nben: person\n")
    with pytest.raises(CorpusError) as raised:
        read_annotator_kinds(tmp_path)
    assert [p.rpartition("annotators.yaml: ")[2] for p in raised.value.problems] == [
        "anna: found 'human'; expected one of person, language model",
        "ben: there is no raw/ben.jsonl",
    ]


def test_only_what_is_used_is_cited(manifest):
    bare = methods_paragraph([subject(manifest)], [], [], corpus_cited=False)
    assert cited_keys(bare) == [
        "pedregosa2011",
        "sechidis2011",
        "platt1999",
        "lipton2014",
        "efron1993",
        "sahelclf",
        "zaharia2018",
    ]
    model = {"kind": "another", "learning_rate": 5e-5, "freeze": None}
    other = methods_paragraph(
        [subject(manifest, model=model, seed=3)], ALPHA, [], corpus_cited=True
    )
    assert {"corpus", "krippendorff2019"} <= set(cited_keys(other))
    assert 'The labeller "another" was trained with learning_rate = 5e-05.' in other
    assert "pedregosa2011" not in cited_keys(other)


def test_the_settings_of_an_encoder_are_described(manifest):
    from sahelclf.training.compose import compose_config

    about = {
        "encoder": "all-MiniLM-L6-v2",
        "encoder_sha256": "53aa51172d142c89d990",
        "window": 256,
        "overlap": 64,
    }
    tuned = manifest | {"features": about, "computed_with": {"precision": "bfloat16"}}
    text = methods_paragraph(
        [subject(tuned, model=compose_config(["model=transformer"]).model.model_dump())],
        [],
        [],
        corpus_cited=False,
    )
    assert (
        "fine-tunes the encoder all-MiniLM-L6-v2 (SHA-256 53aa51172d142c89), which reads 256 "
        "tokens at once" in text
    )
    assert (
        "4 epochs, batches of 16, AdamW with learning rate 0.0002 (0.0005 for the head), warm-up "
        "over 10% of the steps" in text
    )
    assert "the lowest 2 layers held fixed" in text
    assert "wolf2020" in cited_keys(text)
    frozen = manifest | {"features": {"vectors": about}}
    text = methods_paragraph(
        [subject(frozen, model=compose_config(["model=embedding"]).model.model_dump())],
        [],
        [],
        corpus_cited=False,
    )
    assert "the unit-length mean vector of the frozen encoder all-MiniLM-L6-v2" in text


def test_test_scores_and_robustness_are_described_where_there_are_any(manifest):
    tested = subject(manifest, metrics={"test/topic/macro_f1": 0.5})
    robust = [
        {
            "model": "tfidf",
            "seed": 0,
            "fits": {"reference": 3, "country": 2},
            "trials": [{"trial": "country"}] * 2,
            "swaps": [{"kind": "vessel"}],
        }
    ]
    text = methods_paragraph([tested], [], robust, corpus_cited=False)
    assert (
        "Test scores (tfidf, seed 0) are those of the final labeller on the "
        f"{manifest['corpus']['parts']['test']} test documents." in text
    )
    assert "Robustness (tfidf, seed 0: 5 fits)" in text
    assert "(country) with the cross-fitted scores" in text
    assert "Name swaps (vessel) exchange" in text


def test_latex_cites_and_escapes():
    text = 'The "first_one" [@platt1999; @efron1993] costs 5% & {more} ± 1, \\ [0.1, 0.2].'
    assert (
        as_latex(text)
        == "The ``first\\_one''~\\cite{platt1999,efron1993} costs 5\\% \\& \\{more\\} \\(\\pm\\) "
        "1, \\textbackslash{} [0.1, 0.2].\n"
    )
    assert escape_latex("a_b^c~") == "a\\_b\\textasciicircum{}c\\textasciitilde{}"


def test_every_entry_of_the_bibliography_is_complete():
    for key, entry in references().items():
        assert re.match(rf"@\w+\{{{key},\n", entry)
        assert entry.count("{") == entry.count("}")
        assert {"author", "title", "year"} <= set(re.findall(r"^  (\w+) =", entry, re.MULTILINE))


def test_a_citation_file_becomes_bibtex(tmp_path):
    cff = {
        "type": "dataset",
        "title": "Labels & texts",
        "version": "1.0",
        "license": "CC-BY-4.0",
        "date-released": "2026-11-20",
        "doi": "10.1/x_y",
    }
    authors = [{"family-names": "Traoré", "given-names": "Awa"}, {"name": "The group"}]
    assert cff_entry("corpus", cff | {"authors": authors}) == (
        "@misc{corpus,\n"
        "  author = {Traoré, Awa and {The group}},\n"
        "  title = {{Labels \\& texts}},\n"
        "  howpublished = {Data set, version 1.0, CC-BY-4.0},\n"
        "  year = {2026},\n"
        "  doi = {10.1/x_y}\n"
        "}"
    )
    package = read_cff(data_root() / "CITATION.cff")
    assert "@misc{sahelclf," in bibliography(
        ["sahelclf"], {"sahelclf": cff_entry("sahelclf", package)}
    )
    (tmp_path / "CITATION.cff").write_text("title: x\n")
    with pytest.raises(RequestError, match="no authors"):
        read_cff(tmp_path / "CITATION.cff")
    with pytest.raises(RequestError, match="no such file"):
        read_cff(tmp_path / "none.cff")


# --- tables -----------------------------------------------------------------------------


def test_means_over_seeds_by_hand(manifest):
    one, two = subject(manifest, seed=0), subject(manifest, seed=1)
    better = two.reports["passages"].scores | {"joint/f1": 0.5}
    two = Subject(
        two.name,
        two.manifest,
        {"passages": Report.from_dict(manifest["scores"]["passage"] | {"scores": better})},
        {},
        {},
    )
    (seeds,) = [t for t in tables([one, two]) if t.name == "seeds"]
    row = next(r for r in seeds.records if r["score"] == "joint/f1")
    first = one.reports["passages"].scores["joint/f1"]
    assert row["mean"] == pytest.approx((first + 0.5) / 2)
    assert row["sd"] == pytest.approx(abs(first - 0.5) / np.sqrt(2))
    assert not [t for t in tables([one]) if t.name == "seeds"]
    assert not [
        t for t in tables([one, subject(manifest, seed=1, crossfit=4)]) if t.name == "seeds"
    ]  # another setting is another model


def test_predictions_come_back_from_their_table_as_they_were(trained, tmp_path):
    for scored in (trained.passages, trained.documents):
        pd.DataFrame(scored.predictions.flat_rows(scored.gold)).to_csv(
            tmp_path / "table.csv", index=False
        )
        predicted, gold = from_gold_rows(read_table(tmp_path / "table.csv"), "here")
        assert predicted.names == scored.predictions.names
        assert np.array_equal(predicted.probability, scored.predictions.probability)
        assert np.array_equal(predicted.stance_probability, scored.predictions.stance_probability)
        assert np.array_equal(predicted.holds, scored.predictions.holds)
        assert np.array_equal(gold.topics, scored.gold.topics)
        assert np.array_equal(gold.stance, scored.gold.stance)
        assert predicted.documents == scored.predictions.documents


# --- the command ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(trained, tmp_path_factory):
    """A store with one trained run, and its bundle."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", "")
        with runs.open_run("tfidf, seed 0", tags={"sahelclf.kind": "train"}) as run_id:
            write_bundle(trained, folder / "bundle", run_id)
            record = training_record(trained, folder / "bundle")
            runs.log_record(run_id, record)
            runs.log_bundle(run_id, folder / "bundle", record.metrics)
        names = ("topic/macro_f1", "stance/macro_f1", "joint/f1")
        scores = {f"test/{n}{end}": 0.5 for n in names for end in ("", "/low", "/high")}
        runs.log_record(run_id, runs.Record(metrics=scores))
    return folder, run_id


def test_the_report_of_a_run_has_figures_and_equals_what_was_recorded(
    store, trained, tmp_path, monkeypatch, capsys
):
    folder, run_id = store
    monkeypatch.chdir(folder)
    assert main(["report", f"runs:/{run_id}", "-o", str(tmp_path / "paper")]) == 0
    out = tmp_path / "paper"
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    scores = pd.read_csv(out / "tables" / "scores_passages.csv")
    row = scores[scores.score == "joint/f1"].iloc[0]
    r = trained.passages.report
    assert (row.value, row.low, row.high) == pytest.approx(
        (r.scores["joint/f1"], *r.intervals["joint/f1"]), abs=1e-12
    )
    # one interval for a score, whichever command prints it
    from sahelclf.workflows.compare import compare

    same = compare(run_id, f"runs:/{run_id}").comparison.row("joint/f1", 1)
    figures = (same.value, same.low, same.high)
    assert figures == pytest.approx((row.value, row.low, row.high), abs=1e-12)
    shown = (out / "report.md").read_text()
    pictures = re.findall(r"\]\((figures/[^)]+)\)", shown)
    assert len({(out / p).read_bytes() for p in pictures}) == len(pictures) > 0
    assert {p.suffix for p in (out / "figures" / "tfidf-seed-0").iterdir()} == {".png", ".pdf"}
    assert "Test scores on passages" in (out / "report.md").read_text()
    assert (out / "tables" / "scores_passages.tex").read_text().startswith("\\begin{tabular}")
    cited = set(re.findall(r"\\cite\{([^}]+)\}", (out / "methods.tex").read_text()))
    keys = set(re.findall(r"^@\w+\{(\w+),", (out / "references.bib").read_text(), re.MULTILINE))
    assert {k for c in cited for k in c.split(",")} == keys
    assert "corpus" not in keys  # the small corpus has no citation
    for picture in re.findall(r"\]\((figures/[^)]+)\)", (out / "report.md").read_text()):
        assert (out / picture).is_file()
    assert main(["report", run_id, "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_bundle_without_its_store_is_reported_from_its_manifest(
    bundle, manifest, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(bundle), "-o", "paper"]) == 0
    assert (
        "its tables are those of the bundle's manifest, and figures cannot be drawn"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "mlflow.db").exists()
    scores = pd.read_csv(tmp_path / "paper" / "tables" / "scores_documents.csv")
    value = scores[scores.score == "topic/macro_f1"].value.iloc[0]
    assert value == manifest["scores"]["document"]["scores"]["topic/macro_f1"]
    assert not (tmp_path / "paper" / "figures").exists()


def test_scores_that_do_not_follow_from_the_predictions_are_an_error(
    store, tmp_path, monkeypatch, capsys
):
    folder, run_id = store
    monkeypatch.chdir(folder)
    from sahelclf.tracking import read

    stored = read.find_run(run_id)
    assert stored.kind == "train"
    changed = type(stored)(**{**vars(stored), "metrics": stored.metrics | {"joint/f1": 0.123}})
    monkeypatch.setattr(read, "find_run", lambda _: changed)
    assert main(["report", run_id, "-o", str(tmp_path / "paper")]) == 1
    assert "joint/f1: recorded 0.123, computed" in capsys.readouterr().err
    assert not (tmp_path / "paper").exists()


def test_what_cannot_be_reported_on_is_refused(bundle, harbour, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["report", "nothing", "-o", "paper"]) == 2
    assert "neither a bundle folder nor a run" in capsys.readouterr().err
    assert main(["report", "runs:/" + "a" * 32, "-o", "paper"]) == 2
    assert "there is no MLflow store sqlite:///" in capsys.readouterr().err
    other = train_run(tfidf_config(corpus=str(harbour), seed=1))
    from dataclasses import replace

    write_bundle(
        replace(other, corpus=replace(other.corpus, sha256="f" * 64)), tmp_path / "other", "1" * 32
    )
    assert main(["report", str(bundle), "other", "-o", "paper"]) == 2
    assert "differ in corpus sha256" in capsys.readouterr().err
    assert not (tmp_path / "paper").exists()


def test_a_sweep_is_its_children_and_robustness_has_its_own_table(
    store, harbour, tmp_path, monkeypatch, capsys
):
    folder, run_id = store
    monkeypatch.chdir(folder)
    from sahelclf.tracking.read import find_run, finished_children
    from sahelclf.tracking.store import mlflow

    (harbour / "swaps.yaml").write_text("vessel: {pairs: [{swap: [boat, dredger]}]}\n")
    try:
        assert (
            main(["robustness", f"corpus={harbour}", "model=keywords", "crossfit=3", "out=found"])
            == 0
        )
    finally:
        (harbour / "swaps.yaml").unlink()
    found = re.search(r"run ([0-9a-f]{32});", capsys.readouterr().err)
    with runs.open_run("sweep seed=0,1", tags={"sahelclf.kind": "sweep"}) as parent:
        pass
    assert main(["report", parent, "-o", str(tmp_path / "none")]) == 2
    assert "a sweep without a finished child" in capsys.readouterr().err
    mlflow().MlflowClient().set_tag(run_id, "mlflow.parentRunId", parent)
    assert [child.id for child in finished_children(find_run(parent))] == [run_id]
    assert main(["report", parent, f"runs:/{found[1]}", "-o", str(tmp_path / "paper")]) == 0
    text = (tmp_path / "paper" / "report.md").read_text()
    assert "## Robustness of keywords, seed 0" in text
    assert "Name swaps (vessel)" in text
    assert (tmp_path / "paper" / "tables" / "robustness_keywords_seed0.csv").is_file()
    assert main(["report", found[1], "-o", str(tmp_path / "alone")]) == 2
    assert "only runs of robustness" in capsys.readouterr().err
