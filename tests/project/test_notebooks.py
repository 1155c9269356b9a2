"""The notebooks run from a clean kernel; the numbers in their outputs are the package's."""

import json
import os
import re
from pathlib import Path

import pytest

from sahelclf.corpus.read import read_corpus
from sahelclf.corpus.splits import read_split
from sahelclf.evaluation.compare import ALIKE, BETTER, WORSE
from sahelclf.paths import data_root

nbformat = pytest.importorskip("nbformat", reason="the extra [notebooks]")
FOLDER = Path(__file__).parents[2] / "notebooks"
SOURCE = FOLDER.parent / "src"
NAMES = [
    "01-the-corpus",
    "02-train-compare-errors",
    "03-your-own-corpus",
    "04-from-labels-to-a-figure",
    "05-python-api",
    "06-your-own-labels",
]
AGAIN = "execute it again: see notebooks/README.md"


@pytest.fixture(scope="module")
def corpus():
    return read_corpus(data_root() / "annotations")


@pytest.fixture(scope="module")
def small(small_package):
    return read_corpus(small_package / "sahelclf" / "data" / "annotations")


def read(name: str):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def executed(name: str, folder: Path, ask: str, site: Path) -> tuple[str, dict]:
    """What the notebook shows in a clean kernel, and the answers of one more cell that prints JSON.

    `site` is a folder for `PYTHONPATH`, such as that of the package with a fifth of its corpus.
    """
    from nbclient import NotebookClient

    book = read(name)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    book.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({ask}))"))
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        book, timeout=600, startup_timeout=300, kernel_name="python3", resources=resources
    )
    client.execute(env=os.environ | {"PYTHONPATH": str(site)})  # raises where a cell fails
    answer = json.loads(book.cells.pop().outputs[0].text)
    assert not list(folder.iterdir()), "a notebook leaves nothing where it was started"
    return shown(book), answer


def shown(book) -> str:
    """Printed text and plain forms of what is displayed, in order."""
    parts = []
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts.append(
                output.get("text") or data.get("text/markdown") or data.get("text/plain", "")
            )
    return "\n".join(parts)


def counts(corpus) -> str:
    return f"{len(corpus.documents):,} documents, {len(corpus.passages):,} passages"


def held(corpus, topic: str) -> dict[str, int]:
    """Passages of a topic, and of each stance on it."""
    stances = [p.topics[topic].stance for p in corpus.passages if topic in p.topics]
    return {"passages": len(stances), **{s: stances.count(s) for s in corpus.codebook.stance_names}}


def natural_passages(corpus):
    """Those outside the test part, of documents as they come."""
    parts = read_split(corpus, "grouped").parts
    return [
        p
        for i in (*parts["train"], *parts["dev"])
        if corpus.document[i].stratum == "natural"
        for p in corpus.passages_of[i]
    ]


@pytest.mark.slow
def test_the_corpus_is_counted_as_the_package_counts_it(corpus, tmp_path):
    ask = """pd.DataFrame({
        t: {"passages": c["passages"], **c["stances"]} for t, c in card["topics"].items()
    }).to_dict()"""
    text, answer = executed(NAMES[0], tmp_path, ask, SOURCE)
    assert counts(corpus) in text
    assert answer == {t: held(corpus, t) for t in corpus.codebook.topic_names}


@pytest.mark.slow
def test_the_labellers_are_trained_compared_and_explained(small, small_package, tmp_path):
    ask = """{
        "units": list(predicted.ids),
        "verdicts": [row.verdict for row in compared.rows if row.difference],
        "errors": int((missed | false).sum()), "wrong": int((predicted.holds != gold.topics).sum()),
        "explained": float(found.logits[topic]),
        "said": float(labeller.runtime.logits([texts[predicted.ids[surest[topic]]]])[0, topic]),
    }"""
    _, answer = executed(NAMES[1], tmp_path, ask, small_package)
    parts = read_split(small, "grouped").parts
    development = {*parts["train"], *parts["dev"]}
    assert answer["units"] == [
        p.id for d in small.documents if d.id in development for p in small.passages_of[d.id]
    ]
    assert len(answer["verdicts"]) == 3
    assert {*answer["verdicts"]} <= {BETTER, WORSE, ALIKE}
    assert answer["errors"] == answer["wrong"] > 0
    assert answer["explained"] == pytest.approx(answer["said"], abs=1e-9)


def test_a_made_up_corpus_goes_all_the_way(small_package, tmp_path):
    ask = """{
        "files": sorted(p.name for p in root.iterdir()),
        "counts": [len(corpus.documents), len(corpus.passages)],
        "findings": len(findings), "topics": list(labeller.topics),
        "labelled": len(labels), "units": report.n_documents,
    }"""
    text, answer = executed(NAMES[2], tmp_path, ask, small_package)
    assert answer == {
        "files": [
            "adjudication.jsonl",
            "codebook.yaml",
            "documents.jsonl",
            "passages.jsonl",
            "raw",
            "splits",
        ],
        "counts": [60, 180],
        "findings": 0,
        "topics": ["irrigation", "grazing"],
        "labelled": 3,
        "units": 48,
    }
    assert re.search(r"valley/passages.jsonl:\d+: \w+: stance 'favour'; expected one of", text)


@pytest.mark.slow
def test_a_collection_goes_from_a_csv_file_to_a_corrected_figure(corpus, tmp_path):
    ask = """{
        "units": [len(labels), len(natural)], "truth": table["truth"].tolist(),
        "covers": coverage["covers"].to_dict(),
        "by_quarter": by_estimator["covers"].mean().to_dict(),
        "files": sorted(p.name for p in Path("shares").iterdir()),
    }"""
    text, answer = executed(NAMES[3], tmp_path, ask, SOURCE)
    passages = natural_passages(corpus)
    assert answer["units"] == [6000, len(passages)]
    assert answer["truth"] == [
        f"{100 * sum(t in p.topics for p in passages) / len(passages):.1f}"
        for t in corpus.codebook.topic_names
    ]
    assert answer["covers"]["naive"] < 0.5
    assert all(
        0.90 <= answer["covers"][name] <= 0.99 for name in ("sample", "ppi", "dsl")
    )  # of 200 draws
    assert answer["by_quarter"]["naive"] < 0.5 < answer["by_quarter"]["dsl"]
    assert {
        "shares.csv",
        "shares.parquet",
        "shares_by_quarter.pdf",
        "shares_by_quarter.png",
        "units_for_r.csv",
        "measure.R",
    } <= {*answer["files"]}
    assert (
        "row 3, column sanctions: found 'agianst'; expected one of ['no', 'favor', "
        "'against', 'neutral']" in text
    )
    assert "Traceback" not in text


@pytest.mark.slow
def test_the_python_api_does_all_that_the_commands_do(small, small_package, tmp_path):
    ask = """{
        "labelled": len(labels), "rows": len(compared.table), "scores": sorted(scored),
        "passages": scored["tfidf"].reports["passages"].n_units,
        "coded": {t: float((gold[t] != "no").mean()) for t in labeller.topics},
        "sample": measured.table.query("measured == 'topic' and estimator == 'sample'")
            .set_index("topic")["share"].to_dict(),
        "f1": float(cross_val_score(classifier, collection, y, cv=2).min()),
    }"""
    text, answer = executed(NAMES[4], tmp_path, ask, small_package)
    parts = read_split(small, "grouped").parts
    assert answer["passages"] == sum(p.document_id in set(parts["test"]) for p in small.passages)
    assert (answer["labelled"], answer["rows"]) == (400, 6)
    assert answer["scores"] == ["keywords", "tfidf"]
    for topic, share in answer["sample"].items():
        assert share != share or share == pytest.approx(answer["coded"][topic])
    assert answer["f1"] > 0.9
    assert "no setting 'sed'; did you mean 'seed'?" in text
    assert "--split is missing" in text


@pytest.mark.slow
def test_two_coders_go_from_texts_to_labels_and_the_next_batch(tmp_path):
    ask = """{
        "labels": {p["id"]: p["topics"] for p in map(
            json.loads, Path("town/passages.jsonl").read_text("utf-8").splitlines())},
        "truth": truth, "raw": {n: len(Path(f"town/raw/{n}.jsonl").read_text("utf-8").splitlines())
            for n in ("anna", "ben")},
        "batches": [[u.unit for u in read_batch(Path(n)).units] for n in ("batch-1", "batch-2")],
        "chances": [u.sampling_probability for u in batch.units],
        "decided": len(Path("town/adjudication.jsonl").read_text("utf-8").splitlines()),
        "cases": len(cases) - 1, "topics": list(labeller.topics),
    }"""
    text, answer = executed(NAMES[5], tmp_path, ask, SOURCE)
    first, second = map(set, answer["batches"])
    assert (len(first), len(second), first & second) == (40, 12, set())
    assert answer["raw"] == {"anna": 52, "ben": 52}
    assert answer["labels"] == {
        unit: {t: {"stance": a} for t, a in answer["truth"][unit].items() if a != "no"}
        for unit in first | second
    }, "the coders are never wrong in the same way, and the decisions are right"
    assert answer["decided"] == answer["cases"] > 0
    assert all(0 < p <= 1 for p in answer["chances"])
    assert answer["topics"] == ["ferry", "market", "school"]
    assert "row 5: ferry: found 'favour', expected one of no, favor, against" in text
    assert f"no label yet, since the answers differ: {answer['cases']} units" in text
    for line in ("40 units with labels, 0 undecided", "52 units with labels, 0 undecided"):
        assert line in text
    assert re.search(r"kappa of successive models on 12 texts .*\n\nfirst and second: -?\d", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_outputs_are_whole_and_of_no_one_machine(name):
    book = read(name)
    code = [c for c in book.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1)), (
        f"{name}: not from a clean kernel; {AGAIN}"
    )
    outputs = [o for c in code for o in c.outputs]
    assert outputs
    assert {o.output_type for o in outputs} <= {"stream", "display_data", "execute_result"}
    assert {o.name for o in outputs if o.output_type == "stream"} <= {"stdout"}, (
        "warnings among the outputs"
    )
    text = shown(book)
    assert not re.search(r"(/(home|tmp|work|root|Users|usr)/|[A-Z]:\\|\b[0-9a-f]{32}\b)", text)
    assert not any(
        re.match(r"\s*(def|class) ", line) for c in code for line in c.source.splitlines()
    ), "import it from the package"
    assert not any(c.metadata for c in book.cells), "times of execution change with every run"


def test_the_committed_counts_are_those_of_the_corpus(corpus):
    first, second = shown(read(NAMES[0])), shown(read(NAMES[1]))
    assert counts(corpus) in first, AGAIN
    for topic in corpus.codebook.topic_names:
        assert re.search(
            rf"^{topic} +" + " +".join(map(str, held(corpus, topic).values())), first, re.MULTILINE
        ), f"{topic}: {AGAIN}"
    parts = read_split(corpus, "grouped").parts
    development = {*parts["train"], *parts["dev"]}
    n = sum(p.document_id in development for p in corpus.passages)
    assert f"{n:,} passages of {len(development)} documents" in second, AGAIN
    fourth = shown(read(NAMES[3]))
    assert f"trained on {n:,} passages" in fourth, AGAIN
    assert f"{len(natural_passages(corpus)):,} units, 150 coded by hand" in fourth, AGAIN


def test_the_notebooks_are_small_and_their_links_lead_somewhere():
    assert sorted(p.stem for p in FOLDER.glob("*.ipynb")) == NAMES
    assert sum(p.stat().st_size for p in FOLDER.glob("*.ipynb")) < 650_000
    for page in FOLDER.iterdir():
        for target in re.findall(r"\]\(([^)#\\]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (FOLDER / target).exists(), f"{page.name}: {target}"
