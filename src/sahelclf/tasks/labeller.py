"""Topics and stance, the tasks of the labeller, as one set of heads."""

from collections.abc import Sequence

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.corpus.read import Corpus
from sahelclf.models.runtime.text import clean_text
from sahelclf.records import Topics
from sahelclf.tasks.base import HeadLayout, TaskData, TaskSpec


def task_specs(codebook: Codebook) -> tuple[TaskSpec, ...]:
    """Topics (multi-label, perhaps none), and stance, one for each text and topic that holds.

    A codebook without stances has topics alone.
    """
    topics, stances = codebook.topic_names, codebook.stance_names
    task = TaskSpec("topics", "multilabel", topics, "topic/macro_f1", may_be_empty=True)
    if not stances:
        return (task,)
    return task, TaskSpec("stance", "multiclass", stances, "stance/macro_f1", uses_target=True)


def labeller_layout(codebook: Codebook) -> HeadLayout:
    """Heads of the labeller; the stances of one topic form a group."""
    topics, stances = codebook.topic_names, codebook.stance_names
    names = (*topics, *(f"{t}={s}" for t in topics for s in stances))
    n, k = len(topics), len(stances)
    if not stances:
        return HeadLayout(names)
    return HeadLayout(names, tuple(tuple(range(n + i * k, n + (i + 1) * k)) for i in range(n)))


def encode_topics(labels: Sequence[Topics], codebook: Codebook) -> tuple[np.ndarray, np.ndarray]:
    """(n, n_heads) labels and mask; stances have an answer only where their topic holds."""
    layout = labeller_layout(codebook)
    column = {name: i for i, name in enumerate(layout.names)}
    y = np.zeros((len(labels), len(layout)), dtype=np.int8)
    mask = np.zeros((len(labels), len(layout)), dtype=bool)
    mask[:, : len(codebook.topics)] = True
    for row, topics in enumerate(labels):
        for topic, label in topics.items():
            y[row, column[topic]] = 1
            if codebook.stances:
                y[row, column[f"{topic}={label.stance}"]] = 1
                mask[row, list(layout.groups[codebook.topic_names.index(topic)])] = True
    return y, mask


def passage_data(corpus: Corpus, document_ids: Sequence[str]) -> TaskData:
    """Passages of these documents, in the order of the corpus, cleaned as bundles clean them."""
    wanted = set(document_ids)
    passages = [p for d in corpus.documents if d.id in wanted for p in corpus.passages_of[d.id]]
    y, mask = encode_topics([p.topics for p in passages], corpus.codebook)
    return TaskData(
        layout=labeller_layout(corpus.codebook),
        ids=tuple(p.id for p in passages),
        groups=tuple(p.document_id for p in passages),
        texts=tuple(clean_text(p.text) for p in passages),
        y=y,
        mask=mask,
    )


def document_targets(corpus: Corpus, document_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(n, n_heads) labels and mask of documents; a document that is not labelled is masked."""
    labels = [corpus.document[d].topics for d in document_ids]
    y, mask = encode_topics([topics or {} for topics in labels], corpus.codebook)
    mask[[topics is None for topics in labels]] = False
    return y, mask
