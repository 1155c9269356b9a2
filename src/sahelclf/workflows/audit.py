"""A batch of doubtful labels to look at again: what `annotate audit` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.annotation.audit import Doubt
    from sahelclf.annotation.batch import Batch
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Predictions
    from sahelclf.records import Annotation


@dataclass(frozen=True)
class Audit:
    """All answers, the most doubtful first, and the batch of their units."""

    doubts: "list[Doubt]"
    batch: "Batch"


def annotate_audit(
    corpus: str | Path,
    out: str | Path,
    *,
    n: int = 50,
    tools: Sequence[str] = ("page", "sheet"),
    model: str = "tfidf",
    seed: int = 0,
) -> Audit:
    """Write the units whose answers a cross-fitted model most confidently contradicts as a batch.

    The annotators who labelled a unit get it again; they see neither their answers nor the model's.
    What comes back is a later round. Agreement stays that of the first round.

    Parameters
    ----------
    out
        Folder of the batch; a new one.
    n
        Units, at most.
    model
        Kind of model, trained on the corpus in folds.
    """
    from sahelclf.annotation.audit import doubtful_units, doubts
    from sahelclf.annotation.tools import tool
    from sahelclf.corpus.read import corpus_root, read_annotations, read_corpus
    from sahelclf.corpus.rounds import deciding_labels

    if n < 1:
        raise RequestError(f"annotate audit: --n {n}; expected 1 or more")
    writers = [tool(name) for name in tools]
    opened = read_corpus(corpus_root(str(corpus)))
    annotations = read_annotations(opened)
    labels = {unit: by for unit, (_, by) in deciding_labels(annotations).items()}
    passages = [p.id for p in opened.passages if p.id in labels]
    if not passages:
        raise RequestError(f"{opened.root / 'raw'}: no labels of annotators; nothing to audit")
    ranked = doubts(cross_fitted_passages(opened, model, seed), labels, opened.codebook)
    units = doubtful_units(ranked, n)
    if not units:
        raise RequestError(f"{opened.root}: the model contradicts no label; nothing to look at")
    batch = _write(Path(out), opened, annotations, units, tools, seed)
    for writer in writers:
        writer.write(batch)
    return Audit(ranked, batch)


def cross_fitted_passages(corpus: "Corpus", model: str, seed: int) -> "Predictions":
    """Predictions of all passages by models that did not see their documents."""
    from sahelclf.models.kinds import build_model
    from sahelclf.training.compose import compose_config, overrides_of
    from sahelclf.training.crossfit import fit_labeller

    settings = {"model": model, "corpus": str(corpus.root), "seed": seed}
    config = compose_config(overrides_of(settings))
    documents = [d.id for d in corpus.documents]
    fitted = fit_labeller(
        corpus,
        documents,
        lambda: build_model(config.model, corpus.codebook, corpus.root),
        config,
    )
    return fitted.passages[0]


def _write(
    out: Path,
    corpus: "Corpus",
    annotations: "dict[str, list[Annotation]]",
    units: Sequence[str],
    tools: Sequence[str],
    seed: int,
) -> "Batch":
    from sahelclf.annotation.batch import (
        CODEBOOK,
        BatchInfo,
        BatchUnit,
        write_batch,
    )
    from sahelclf.annotation.importing import ROUND
    from sahelclf.annotation.units import unit_check
    from sahelclf.files import file_sha256

    passages = {p.id: p for p in corpus.passages}
    who = {
        unit: sorted(a for a, rows in annotations.items() if any(r.unit == unit for r in rows))
        for unit in units
    }
    last = max(row.round for rows in annotations.values() for row in rows)
    rows = [
        BatchUnit(
            unit=unit,
            text=passages[unit].text,
            title=corpus.document[passages[unit].document_id].title,
            check=unit_check(unit, 1.0, "", passages[unit].text),
            sampling_probability=1.0,
            drawn="again",
            document=passages[unit].document_id,
            annotators=who[unit],
        )
        for unit in units
    ]
    info = BatchInfo(
        strategy={"name": "audit", ROUND: last + 1},
        seed=seed,
        collection=str(corpus.root),
        collection_sha256=corpus.sha256,
        collection_units=len(passages),
        codebook_sha256=file_sha256(corpus.root / CODEBOOK),
        annotators=sorted({a for names in who.values() for a in names}),
        tools=list(tools),
    )
    return write_batch(out, info, corpus.root / CODEBOOK, rows)
