"""A codebook without stances has topics alone in every command, output form and card."""

import csv
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest

import sahelclf as api
from reports.test_error_page_in_a_browser import BROWSER, Reader, opened
from sahelclf.annotation.coded import read_codes
from sahelclf.bundle.hub import hub_card
from sahelclf.cli.console import unit_printer
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from support import sahelclf, without_stances, write_corpus, write_lines

LABELS = [f"{topic}_{x}" for topic in ("fishing", "dredging") for x in ("probability", "holds")]
COLUMNS = ["id", "unit", "passage", "language", *LABELS]
FISHING = "The boat crews landed a catch of herring"
SWAPS = "vessel: {pairs: [{swap: [boat, dredger]}]}\n"
# words of stances and of missing numbers, and a list without items
NOT_THERE = re.compile(r"stance|joint|\bnan\b|\(\)|\bNone\b", re.IGNORECASE)


def run(*args, cwd):
    done = sahelclf(*args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


def assert_topics_alone(text):
    found = NOT_THERE.search(text)
    assert found is None, text[max(0, found.start() - 80) : found.end() + 80]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the corpus `c`, its bundle `b`, a collection and its labels."""
    folder = tmp_path_factory.mktemp("project")
    root = without_stances(write_corpus(folder / "c"))
    (root / "swaps.yaml").write_text(SWAPS)
    run("corpus", "split", "--corpus", "c", "--write", cwd=folder)
    run("corpus", "stats", "--corpus", "c", "--write", cwd=folder)
    run("train", "corpus=c", "cv=2", "crossfit=2", "keep_folds=true", "out=b", cwd=folder)
    passages = read_corpus(root).passages
    rows = [{"id": f"n{i}", "date": "2020-01-01", "text": p.text} for i, p in enumerate(passages)]
    write_lines(folder / "new.jsonl", rows)
    run("predict", "b", "new.jsonl", "-o", "labels.csv", cwd=folder)
    return folder


def fill(path, labels):
    """Code a sheet: yes for the topics that `labels` gives for an id, and no for others."""
    header, note, *rows = csv.reader(path.open(encoding="utf-8-sig", newline=""))
    for row in rows:
        for topic in ("fishing", "dredging"):
            row[header.index(topic)] = "yes" if topic in labels[row[0]] else "no"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, note, *rows])


def test_corpus_commands(project):
    assert "nothing to fix" in run("corpus", "validate", "--corpus", "c", cwd=project).stdout
    stats = run("corpus", "stats", "--corpus", "c", cwd=project)
    assert_topics_alone(stats.stdout.replace("(none)", "") + stats.stderr.replace("(none)", ""))
    rows = json.loads(run("corpus", "agreement", "--corpus", "c", "--json", cwd=project).stdout)
    assert [r["what"] for r in rows] == ["fishing", "dredging", "topic sets (MASI)"] * 2
    card = json.loads((project / "c" / "card.json").read_text())
    assert "same_topics_and_stances" not in json.dumps(card)


def test_a_sheet_is_coded_with_yes_and_no(project):
    run("annotate", "sample", "--corpus", "c", "--n", "12", "-o", "check", cwd=project)
    path, corpus = project / "check" / "sheet.csv", read_corpus(project / "c")
    assert "with one of: no / yes." in path.read_text(encoding="utf-8")
    assert_topics_alone(path.read_text(encoding="utf-8"))
    fill(path, {p.id: p.topics for p in corpus.passages})
    gold = read_codes(path, corpus.codebook).gold
    assert 0 < gold.topics.sum() < gold.topics.size
    assert (gold.stance == -1).all()
    done = run("corpus", "agreement", "--corpus", "c", "--with", "check/sheet.csv", cwd=project)
    assert done.stdout.count("1.000    [1.000, 1.000]") == 3  # both topics, and their sets
    assert_topics_alone(done.stdout)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_tables_of_predict_have_no_column_of_a_stance(project, suffix):
    name = f"form.{suffix}"
    run("predict", "b", "new.jsonl", "-o", name, cwd=project)
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}[suffix]
    table = read(project / name)
    assert table.columns.tolist() == [*COLUMNS, "date"]
    assert table["fishing_holds"].sum() == 26  # two of three passages of every third document


def test_other_forms_of_predict(project, capsys):
    run("predict", "b", "new.jsonl", "-o", "form.jsonl", cwd=project)
    first = json.loads((project / "form.jsonl").read_text().splitlines()[0])
    assert {t["stance"] for t in first["topics"].values()} == {None}
    run("predict", "b", "new.jsonl", "-o", "form.html", cwd=project)
    body = (project / "form.html").read_text(encoding="utf-8").split("</style>")[1]
    assert_topics_alone(re.sub('class="[^"]*"', "", body))
    labeller = api.load(project / "b")
    unit_printer()([labeller.predict_document(FISHING)])
    header = capsys.readouterr().out.splitlines()[2]
    assert header.split() == ["topic", "probability", "evidence"]


@pytest.mark.filterwarnings("ignore:.*type hint")
def test_python_and_mlflow_give_the_same_columns(project):
    import mlflow

    labeller = api.load(project / "b")
    assert (labeller.topics, labeller.stances) == (("fishing", "dredging"), ())
    assert labeller.frame([FISHING]).columns.tolist() == COLUMNS
    assert labeller.frame([FISHING], unit="document").columns.tolist() == COLUMNS
    assert labeller.predict_proba([FISHING]).shape == (1, 2)
    model = mlflow.pyfunc.load_model(str(project / "b"))
    assert model.predict(pd.DataFrame({"text": [FISHING]})).columns.tolist() == COLUMNS
    assert model.metadata.signature.outputs.input_names() == COLUMNS


def test_shares_are_those_of_topics(project):
    sample = ("--predictions", "labels.csv", "--n", "100", "--by", "probability")
    run("annotate", "sample", "new.jsonl", *sample, "-o", "s", "--corpus", "c", cwd=project)
    passages = read_corpus(project / "c").passages
    fill(project / "s" / "sheet.csv", {f"n{i}": p.topics for i, p in enumerate(passages)})
    done = run("measure", "labels.csv", "--gold", "s/sheet.csv", "--corpus", "c", cwd=project)
    assert_topics_alone(done.stdout + done.stderr)
    table = api.measure(
        project / "labels.csv", project / "s" / "sheet.csv", corpus=project / "c"
    ).table
    assert "stance" not in table
    assert table["measured"].unique().tolist() == ["topic"]
    naive = table[table["estimator"] == "naive"].set_index("topic")["share"]
    assert naive["fishing"] == pytest.approx(26 / 120)
    done = run("evaluate", "labels.csv", "--gold", "s/sheet.csv", "--corpus", "c", cwd=project)
    assert json.loads(done.stdout)["headline"] == {"units": {"topic/macro_f1": 1.0}}


def test_scores_comparison_and_report(project):
    done = run("evaluate", "b", "--corpus", "c", "--split", "test", cwd=project)
    scores = json.loads(done.stdout)["reports"]["passages"]["scores"]
    assert_topics_alone(" ".join(scores) + done.stderr)
    passages = [{"id": p.id, "text": p.text} for p in read_corpus(project / "c").passages]
    frame = api.load(project / "b").frame(pd.DataFrame(passages))
    frame.to_csv(project / "one.csv", index=False)
    frame.assign(fishing_holds=False).to_csv(project / "two.csv", index=False)
    done = run("compare", "one.csv", "two.csv", "--corpus", "c", cwd=project)
    assert "0.500 [0.500, 0.500]" in done.stderr  # F1 of fishing is 0, of dredging 1
    assert_topics_alone(done.stdout + done.stderr)
    keywords = ("model=keywords", "model.dictionary=c/keywords.yaml", "crossfit=2")
    out = run("robustness", "corpus=c", *keywords, "out=r", cwd=project)
    run_id = re.search(r"run (\w{32})", out.stderr)[1]
    run("report", "b", run_id, "-o", "paper", cwd=project)
    for path in (project / "paper").rglob("*.*"):
        if path.suffix in {".md", ".csv", ".tex"}:
            assert_topics_alone(path.read_text(encoding="utf-8"))
    report = (project / "paper" / "report.md").read_text(encoding="utf-8")
    for sentence in (
        "2 topics (fishing and dredging), any number of which may hold. Before adjudication,",
        "to 1.000 over the topics; ",
        "class-balanced weights) to each topic [@pedregosa2011].",
        "The score is F1 averaged over the topics. A score",
    ):
        assert sentence in report
    tables = {p.stem for p in (project / "paper" / "tables").glob("*.csv")}
    assert {"test_passages", "test_documents", "robustness_keywords_seed0"} <= tables
    assert "topic decisions changed" in report


def test_the_cards_of_a_bundle(project):
    manifest = json.loads((project / "b" / "manifest.json").read_text())
    assert manifest["heads"] == ["fishing", "dredging"]
    assert_topics_alone((project / "b" / "README.md").read_text())
    card = hub_card(manifest)
    assert "name: topics of passages" in card
    assert_topics_alone(card)


def test_an_export_gives_the_golden_outputs(project):
    run("export", "b", "--to", "r", cwd=project)
    assert json.loads((project / "b-r" / "labeller.json").read_text())["heads"] == [
        "fishing",
        "dredging",
    ]


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R here")
def test_the_table_of_r(project):
    run("export", "b", "--to", "r", "-o", "for-r", cwd=project)
    code = f'source("labeller.R"); x <- label(read_labeller("."), "{FISHING}"); cat(names(x))'
    command = ["Rscript", "-e", code]
    done = subprocess.run(
        command, cwd=project / "for-r", capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["id", *LABELS]


def test_the_run_in_mlflow(project):
    import mlflow

    manifest = json.loads((project / "b" / "manifest.json").read_text())
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    data = client.get_run(manifest["run_id"]).data
    assert "- topic/macro_f1: 1.000" in data.tags["mlflow.note.content"]
    assert_topics_alone(" ".join(data.metrics) + data.tags["mlflow.note.content"])


def test_the_error_page_has_no_words_of_stances(project):
    run("errors", "b", "--corpus", "c", cwd=project)
    page = (project / "errors.html").read_text(encoding="utf-8")
    notes = page[page.index("<details") : page.index("</details>")]
    assert_topics_alone(notes)


@pytest.mark.tools
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_the_error_page_in_a_browser(project):
    run("errors", "b", "--corpus", "c", "-o", "page.html", cwd=project)
    dom = opened(project / "page.html", "#kind=all&topic=fishing&sort=unsure")
    assert '<label hidden="">Stance' in dom
    assert 'value="wrong"' not in dom
    rows = Reader(dom).cards[0]["rows"]
    assert rows[0][1:] == [
        *("topic", "verdict", "gold", "model", "probability"),
        *("annotator a", "annotator b"),
    ]
    holding = [r for c in Reader(dom).cards for r in c["rows"] if r[0] == "right"]
    assert {tuple(r[2:5]) for r in holding} == {("right", "yes", "yes")}


@pytest.mark.parametrize("form", [list, set, dict.fromkeys])
def test_the_estimator_takes_topics_alone(project, form):
    passages = read_corpus(project / "c").passages
    texts, y = [p.text for p in passages], [form([*p.topics]) for p in passages]
    classifier = api.TopicStanceClassifier(crossfit=2).fit(texts, y)
    assert (classifier.topics_, classifier.stances_) == (("dredging", "fishing"), ())
    assert classifier.predict([FISHING]) == [{"fishing": None}]
    assert classifier.predict_proba([FISHING]).shape == (1, 2)
    assert classifier.score(texts, y) == 1.0


def test_a_topic_without_its_stance_is_refused_where_others_have_one():
    with pytest.raises(RequestError, match="position 1 .*expected a stance on every topic"):
        api.TopicStanceClassifier().fit(["a", "b"], [{"x": "pro"}, {"x": None}])
