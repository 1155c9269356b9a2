"""Labels and heads of a codebook without stances: topics alone."""

import json

import pytest
import yaml

from sahelclf.codebook import Codebook
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import CorpusError
from sahelclf.tasks.labeller import labeller_layout, passage_data, task_specs
from support import CODEBOOK, without_stances, write_corpus, write_lines


@pytest.fixture(scope="module")
def topics_alone(tmp_path_factory):
    """The small corpus with topics alone."""
    return without_stances(write_corpus(tmp_path_factory.mktemp("topics") / "corpus"))


def test_the_heads_are_the_topics(topics_alone):
    corpus = read_corpus(topics_alone)
    layout = labeller_layout(corpus.codebook)
    assert (layout.names, layout.groups) == (("fishing", "dredging"), ())
    assert [spec.name for spec in task_specs(corpus.codebook)] == ["topics"]
    data = passage_data(corpus, ["h001"])  # fishing holds in the first two of its three passages
    assert data.y.tolist() == [[1, 0], [1, 0], [0, 0]]
    assert data.mask.all()


def test_one_stance_alone_and_a_stance_that_is_not_in_the_codebook_are_refused(
    topics_alone, tmp_path
):
    book = yaml.safe_load(CODEBOOK)
    with pytest.raises(ValueError, match="expected at least two, or none at all"):
        Codebook.model_validate(book | {"stances": {"pro": "for it"}, "bases": {}})
    rows = [json.loads(line) for line in (topics_alone / "passages.jsonl").read_text().splitlines()]
    rows[3]["topics"] = {"fishing": {"stance": "pro"}}
    for name in ("codebook.yaml", "documents.jsonl"):
        (tmp_path / name).write_text((topics_alone / name).read_text())
    write_lines(tmp_path / "passages.jsonl", rows)
    with pytest.raises(CorpusError, match="fishing: stance 'pro'; expected no stance"):
        read_corpus(tmp_path)
