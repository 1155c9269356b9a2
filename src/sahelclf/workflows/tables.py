"""Predictions tables with gold: those of runs, and those of any system beside a corpus's labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.tracking.read import Run

Levels = dict[str, "tuple[Predictions, Gold]"]
LEVELS = ("passages", "documents")
DEVELOPMENT = "development"


def find_predictions(
    run: "Run", level: str, split: str = DEVELOPMENT
) -> "tuple[Predictions, Gold] | None":
    """A run's predictions and gold of one of `LEVELS`, or None.

    `split` is development, or a part that `evaluate` scored.
    """
    from sahelclf.evaluation.prediction_files import read_table
    from sahelclf.evaluation.prediction_tables import from_gold_rows
    from sahelclf.tracking.read import fetched_artifact

    name = _file(level, split)
    with fetched_artifact(run, name) as path:
        return None if path is None else from_gold_rows(read_table(path), f"run {run.id}: {name}")


def read_predictions(
    run: "Run", level: str, split: str = DEVELOPMENT
) -> "tuple[Predictions, Gold]":
    """The same; raise where the run has none."""
    from sahelclf.tracking.store import missing_files

    predictions = find_predictions(run, level, split)
    if predictions is not None:
        return predictions
    what = f"run {run.id} ({run.name}, {run.status}): no {_file(level, split)}"
    if split == DEVELOPMENT:
        raise RequestError(missing_files(what))
    bundle = run.tags.get("bundle", "BUNDLE")
    raise RequestError(f"{what}; python -m sahelclf evaluate {bundle} --split {split} writes it")


def _file(level: str, split: str) -> str:
    return f"predictions/{'' if split == DEVELOPMENT else f'{split}_'}{level}.csv"


def labelled_rows(rows: "pd.DataFrame", corpus: "Corpus", where: str) -> Levels:
    """A flat table with the corpus's labels, by level; units without labels are left out."""
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.evaluation.prediction_tables import from_flat_rows
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.tasks.labeller import encode_topics

    names = labeller_names(corpus.codebook)
    table = from_flat_rows(rows, names, corpus.owner, where)
    labels = {d.id: d.topics for d in corpus.documents if d.topics is not None} | {
        p.id: p.topics for p in corpus.passages
    }
    levels = {}
    for level in LEVELS:
        chosen = [
            k
            for k, i in enumerate(table.ids)
            if i in labels and (i in corpus.document) == (level == "documents")
        ]
        if chosen:
            y, _ = encode_topics([labels[table.ids[k]] for k in chosen], corpus.codebook)
            levels[level] = (table.take(chosen), Gold.from_heads(y, names))
    return levels


def part_of(levels: Levels, corpus: "Corpus", ids: Sequence[str], where: str) -> Levels:
    """The levels' units of these documents; raise where one lacks some of them."""
    wanted = set(ids)
    expected = {
        "passages": [p.id for p in corpus.passages if p.document_id in wanted],
        "documents": [d.id for d in corpus.documents if d.id in wanted and d.topics is not None],
    }
    of_part, problems = {}, []
    for level, (predicted, gold) in levels.items():
        rows = [k for k, d in enumerate(predicted.documents) if d in wanted]
        if not rows:
            continue
        here = {predicted.ids[k] for k in rows}
        missing = [i for i in expected[level] if i not in here]
        if missing:
            problems.append(
                f"{where}: {len(missing)} of {len(expected[level])} {level} have no prediction: "
                f"{', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}"
            )
        of_part[level] = (predicted.take(rows), type(gold)(gold.topics[rows], gold.stance[rows]))
    if problems:
        raise RequestError(problems)
    if not of_part:
        raise RequestError(
            f"{where}: no row is of a unit of that part of {corpus.root}; expected its "
            f"{len(expected['passages'])} passages, with ids such as {expected['passages'][:3]}"
        )
    return of_part


def labelled_corpus(option: str | None, codebook: dict[str, Any] | None) -> "Corpus":
    """The corpus that --corpus names: a folder, or one file of labelled passages.

    `codebook` is a bundle's, for such a file. Without one, a file takes the codebook.yaml in its
    folder, else that of the packaged corpus.
    """
    from sahelclf.codebook import Codebook, read_codebook
    from sahelclf.corpus.read import corpus_root, read_corpus, read_labelled
    from sahelclf.paths import data_root

    root = corpus_root(option)
    if not root.is_file():
        return read_corpus(root)
    if codebook is not None:
        return read_labelled(root, Codebook.model_validate(codebook))
    beside = root.parent / "codebook.yaml"
    return read_labelled(
        root,
        read_codebook(
            beside if beside.is_file() else data_root() / "annotations" / "codebook.yaml"
        ),
    )
