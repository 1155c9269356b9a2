"""`annotate sample` on a collection: what is drawn next, what is refused, what measures."""

import json

import numpy as np
import pandas as pd
import pytest

from sahelclf.annotation.batch import file_sha256, read_batch
from sahelclf.annotation.coded import batch_codes
from sahelclf.cli import main
from sahelclf.codebook import read_codebook
from sahelclf.corpus.read import corpus_root, read_corpus
from sahelclf.errors import RequestError
from sahelclf.workflows.measure import measure
from sahelclf.workflows.sampling import For, How, sample_collection

SHEET = For(("sheet",))
WORDS = ("boats", "herring", "quay", "dredger", "mud", "channel", "harbour", "winter", "crews")


@pytest.fixture
def work(harbour, tmp_path, monkeypatch):
    """Sixty texts of twenty documents, a table of predictions, and an empty corpus's codebook."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, 14)) + f" number {k}" for k in range(60)]
    rows = {"id": [f"a {k}" for k in range(60)], "text": texts}
    pd.DataFrame(rows | {"document_id": [f"d{k // 3}" for k in range(60)]}).to_csv(
        "c.csv", index=False
    )
    # the model is unsure of the first ten documents, sure of the others
    p = np.where(np.arange(60) < 30, 0.5, 0.001)
    labels = {"id": rows["id"]}
    for topic in ("fishing", "dredging"):
        labels |= {f"{topic}_probability": p, f"{topic}_holds": p > 0.4}
        labels |= {f"{topic}_stance": "pro", f"{topic}_pro": 0.9, f"{topic}_con": 0.1}
    pd.DataFrame(labels).to_csv("labels.csv", index=False)
    (tmp_path / "codebook.yaml").write_bytes((harbour / "codebook.yaml").read_bytes())
    return tmp_path


def drawn(work, how, n=10, **more):
    name = f"b{len([*work.glob('b*')])}"
    return sample_collection(
        "c.csv", work / name, SHEET, how, n=n, codebook="codebook.yaml", **more
    )


def test_what_to_label_next_is_where_the_model_is_unsure(work):
    batch = drawn(work, How(next_by="labels.csv", random=0.4), n=10)
    assert len({u.document for u in batch.units}) == 10
    unsure = [u for u in batch.units if int(u.unit.removeprefix("a%20")) < 30]
    assert len(unsure) > 5
    # all 30 unsure units have one uncertainty, the others nearly none:
    # 10 * (.4 / 60 + .6 / 30) = .267 and 10 * .4 / 60 = .067, a little shifted by the others' .02
    for u in batch.units:
        expected = 0.267 if u in unsure else 0.067
        assert u.sampling_probability == pytest.approx(expected, abs=0.012)
    assert {u.drawn for u in batch.units} <= {"random", "model"}
    assert {u.stratum for u in batch.units} == {""}
    assert batch.info.strategy["name"] == "next"
    assert batch.info.bundle == "labels.csv"
    assert batch.info.codebook_sha256 == file_sha256(work / "codebook.yaml")


def test_the_same_seed_draws_the_same(work):
    first, second, other = (
        drawn(work, How(next_by="labels.csv"), seed=seed).units for seed in (1, 1, 2)
    )
    assert first == second
    assert {u.unit for u in first} != {u.unit for u in other}


def test_suggestions_are_marked(work):
    batch = drawn(work, How(suggest="labels.csv"))
    shown = {u.unit: u.suggestion for u in batch.units}
    for unit, answers in shown.items():
        expected = "pro" if int(unit.removeprefix("a%20")) < 30 else "no"
        assert answers == {"fishing": expected, "dredging": expected}


def test_a_first_batch_is_by_chance_where_there_is_no_dictionary(work, caplog):
    with caplog.at_level("INFO"):
        batch = drawn(work, How(first=True))
    assert "first batch by chance, since . has no keywords.yaml" in caplog.text
    # one of the three units of each of 10 of 20 documents
    assert [u.sampling_probability for u in batch.units] == pytest.approx([10 / 60] * 10)
    assert len({u.document for u in batch.units}) == 10
    assert {u.drawn for u in batch.units} == {"random"}


def test_everything_that_does_not_go_together_is_refused_at_once(work):
    how = How(by=["probability"], first=True, random=0.0, suggest=True)
    with pytest.raises(RequestError) as error:
        drawn(work, how)
    assert str(error.value).splitlines() == [
        "annotate sample: found --by and --first; expected one of them",
        "annotate sample: --by probability needs --predictions TABLE, the output of predict for "
        "the collection",
        "annotate sample: --random 0.0; expected more than 0 and at most 1, so that every unit "
        "can be drawn",
        "annotate sample: --suggest needs a MODEL where there is no --next",
    ]
    with pytest.raises(RequestError, match="--n 21; expected 1 to 20, the documents"):
        drawn(work, How(next_by="labels.csv"), n=21)


def test_labelled_texts_are_not_drawn_again_and_stand_for_themselves(work, harbour):
    batch = drawn(work, How(next_by="labels.csv"))
    corpus = imported(work, harbour, batch)
    batch = sample_collection(
        "c.csv", work / "next", SHEET, How(next_by="labels.csv"), n=8, corpus=str(corpus)
    )
    before = {u.unit for u in read_batch(work / "b0").units}
    assert {*batch.info.strategy["labelled_before"]} == before
    assert not before & {u.unit for u in batch.units}
    with pytest.raises(RequestError, match="8 of 18 units have no label in"):
        measure("labels.csv", work / "next", corpus=corpus)
    both = imported(work, harbour, batch, *read_batch(work / "b0").units)
    sheet = batch_codes(work / "next", read_corpus(both))
    assert len(sheet.ids) == 18
    assert sheet.probability[8:].tolist() == [1.0] * 10
    assert sheet.probability[:8].tolist() == [u.sampling_probability for u in batch.units]
    assert (sheet.gold.topics[:, 0] == [int(i.removeprefix("a%20")) % 2 for i in sheet.ids]).all()


@pytest.mark.parametrize("how", [How(), How(next_by="labels.csv")])
def test_an_id_that_has_another_text_in_the_corpus_is_not_drawn(work, harbour, how):
    corpus = imported(work, harbour, drawn(work, How(), n=60))
    table = pd.read_csv("c.csv")
    table["text"] += " again"
    table.loc[0, "text"] = table["text"][0].removesuffix(" again")
    table.to_csv("c.csv", index=False)
    with pytest.raises(RequestError) as caught:
        sample_collection("c.csv", work / "next", SHEET, how, n=15, corpus=str(corpus))
    assert 14 <= len(caught.value.problems) <= 15
    for problem in caught.value.problems:
        assert problem.startswith("c.csv: unit: 'a%20")
        assert f"has another text in {corpus}; give it another id in the collection" in problem
    assert not (work / "next").exists()


def test_an_imported_batch_measures(work, harbour):
    batch = drawn(work, How(), n=50)
    corpus = imported(work, harbour, batch)
    table = measure("labels.csv", work / "b0", corpus=corpus).table
    row = table.query("by == '' and topic == 'fishing' and measured == 'topic'")
    row = row.set_index("estimator").loc["sample"]
    odd = sum(int(u.unit.removeprefix("a%20")) % 2 for u in batch.units)
    assert (row["codes"], row["share"]) == (50, pytest.approx(odd / 50))


def test_a_model_that_may_know_the_answers_is_warned_of(work, harbour):
    batch = drawn(work, How(predictions="labels.csv", by=("probability",)), n=30)
    corpus = imported(work, harbour, batch)
    warnings = measure("labels.csv", work / "b0", corpus=corpus).warnings
    (warning,) = [w for w in warnings if "ppi" in w]
    assert warning.startswith("labels.csv does not say which model made it")
    assert warning.endswith("30 of 30 have labels in corpus")


def imported(work, harbour, batch, *more):
    """A corpus with the batch's units: fishing holds for units of odd numbers."""
    corpus = work / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "codebook.yaml").write_bytes((harbour / "codebook.yaml").read_bytes())
    documents, passages = {}, []
    for u in (*batch.units, *more):
        odd = int(u.unit.removeprefix("a%20")) % 2
        topics = {"fishing": {"stance": "pro"}} if odd else {}
        documents[u.document] = {"id": u.document}
        passages.append(
            {
                "id": u.unit,
                "document_id": u.document,
                "index": len(passages),
                "text": u.text,
                "topics": topics,
            }
        )
    for name, records in (("documents", documents.values()), ("passages", passages)):
        lines = "".join(json.dumps(r) + "\n" for r in records)
        (corpus / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    read_corpus(corpus)
    return corpus


def test_the_codebook_that_nobody_named_is_named(work, harbour, capsys):
    sample = ["annotate", "sample", "c.csv", "--n", "10"]
    assert main([*sample, "-o", "b1"]) == 0
    err = capsys.readouterr().err
    title = read_codebook(corpus_root(None) / "codebook.yaml").title
    assert f"codebook: {title}, of the packaged corpus; name yours with --corpus" in err
    assert main([*sample, "-o", "b2", "--corpus", str(harbour)]) == 0
    assert (
        f"{harbour / 'codebook.yaml'} (Harbour news), that of --corpus" in capsys.readouterr().err
    )
    assert main([*sample, "-o", "b3", "--codebook", "codebook.yaml"]) == 0
    assert "codebook:" not in capsys.readouterr().err
    assert main([*sample, "-o", "b4", "--next", "labels.csv"]) == 2
    err = capsys.readouterr().err
    assert "of another codebook, name its --corpus FOLDER (annotate sample: or --codebook" in err


def test_the_command_writes_for_each_annotator(work, harbour, capsys):
    options = ["--codebook", "codebook.yaml", "--to", "page,xlsx", "--annotators", "anna,ben"]
    sample = ["annotate", "sample", "c.csv", "--n", "10", *options]
    assert main([*sample, "--overlap", "0.4", "-o", "b"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "b"
    assert {p.name for p in (work / "b").iterdir()} == {
        *("batch.json", "units.jsonl", "codebook.yaml"),
        *("page-anna.html", "page-ben.html", "sheet-anna.xlsx", "sheet-ben.xlsx"),
    }
    batch = read_batch(work / "b")
    assert [len(batch.assigned(a)) for a in ("anna", "ben")] == [7, 7]
    assert main([*sample, "-o", "b"]) == 2
    assert "b: exists and is not an empty folder" in capsys.readouterr().err
    assert main(["annotate", "sample", "--first", "-o", "x"]) == 2
    assert "--first needs INPUT" in capsys.readouterr().err
    assert main([*sample, "--annotators", "anna,Anna", "-o", "x"]) == 2
    assert "--annotators anna, Anna: a name twice" in capsys.readouterr().err
    assert main([*sample, "--annotators", "Anna K.,Zoë,eva", "-o", "x"]) == 2
    err = capsys.readouterr().err
    for name in ("Anna K.", "Zoë"):
        assert f"found '{name}'; expected at most 40 letters (A to Z), digits, '.', '_' or" in err
    assert main([*sample, "--to", "paper", "-o", "x"]) == 2
    assert "unknown tool 'paper'" in capsys.readouterr().err
    assert main(["annotate", "draw"]) == 2
    assert "annotate: found 'draw'; expected one of sample" in capsys.readouterr().err
