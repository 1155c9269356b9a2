"""Topics that nothing can be learned of: training succeeds, and its bundle loads and labels."""

import json
from pathlib import Path

import pytest
import yaml

from support import sahelclf, write_corpus, write_lines

WITH_TOPIC = {
    "in one passage": lambda document, passage: (document, passage) == (1, 0),
    "in every passage of one document": lambda document, _: document == 1,
    "in all passages but those of one document": lambda document, _: document != 1,
}


def corpus_with_topic(root: Path, holds, names: list[str]) -> Path:
    """The small corpus with further topics; `holds(document, passage)` says where they hold."""
    write_corpus(root, annotators=False)
    book = yaml.safe_load((root / "codebook.yaml").read_text())
    book["topics"] |= {name: {"holds": "parks"} for name in names}
    (root / "codebook.yaml").write_text(yaml.safe_dump(book, sort_keys=False))
    label = {name: {"stance": "pro", "basis": "said"} for name in names}
    paths = [root / f"{name}.jsonl" for name in ("documents", "passages")]
    documents, passages = (
        [json.loads(line) for line in path.read_text().splitlines()] for path in paths
    )
    carriers = set()
    for k, passage in enumerate(passages):
        if holds(k // 3, k % 3):
            passage["topics"] |= label
            carriers.add(passage["document_id"])
    for document in documents:
        document["topics"] |= label if document["id"] in carriers else {}
    for path, rows in zip(paths, (documents, passages), strict=True):
        write_lines(path, rows)
    return root


@pytest.mark.parametrize("case", WITH_TOPIC)
def test_a_topic_with_almost_no_variation_trains(tmp_path, case):
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.bundle.write import write_bundle
    from sahelclf.training.run import run
    from support import tfidf_config

    corpus = corpus_with_topic(tmp_path / "corpus", WITH_TOPIC[case], ["parks"])
    result = run(tfidf_config(corpus=str(corpus)))
    head = result.fitted.passages[0].names.topics.index("parks")
    for calibration in (
        result.fitted.decision.calibration,
        result.fitted.decision.document_calibration,
    ):
        assert abs(calibration.scale[head]) <= 1e8
    write_bundle(result, tmp_path / "bundle", "0" * 32)
    row = Labeller.load(tmp_path / "bundle").predict_document("The boat landed a catch of cod.")
    assert 0 < row["topics"]["parks"]["probability"] < 1


def test_thirty_topics_most_of_them_in_one_passage_train(tmp_path):
    names = [f"park{k}" for k in range(28)]
    corpus_with_topic(tmp_path / "corpus", WITH_TOPIC["in one passage"], names)
    done = sahelclf("train", "corpus=corpus", "crossfit=2", "out=b", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = sahelclf("predict", "b", "-", cwd=tmp_path, stdin="The boat landed a catch of cod.\n")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["topics"]) == 30
