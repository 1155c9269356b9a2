"""What a student learns from: its teacher's bundle, checked, and texts of a collection."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.config import TrainConfig
from sahelclf.corpus.duplicates import (
    MIN_JACCARD,
    STOCK_WORDS,
    jaccard,
    text_sha256,
    training_hash,
    word_runs,
)
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.files import file_sha256
from sahelclf.models.kinds import build_model, kind_named, kind_of
from sahelclf.models.runtime.text import clean_text
from sahelclf.models.student import Lesson
from sahelclf.tasks.labeller import labeller_layout

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.predict.inputs import Source
    from sahelclf.training.run import Checked

LOG = logging.getLogger(__name__)
SHOWN = 5
AT_ONCE = 512  # texts that a teacher labels between two lines of progress


@dataclass(frozen=True)
class Teaching:
    """A lesson, and hashes of what it was made of: a training is resumed with the same."""

    lesson: Lesson
    hashes: dict[str, str]


def teaching(config: TrainConfig, checked: "Checked") -> Teaching | None:
    """What the model of this training is taught; None for a kind without a teacher.

    Raises
    ------
    RequestError
        No teacher is named; it has learnt held-out texts, or knows another codebook; the collection
        cannot be read, or holds held-out texts.
    """
    kind, settings = kind_named(config.model.kind), config.model
    if kind.teach is None:
        return None
    if settings.teacher_name is None:
        raise RequestError(
            f"model={kind.name}: no teacher; name the bundle that it learns from, "
            "model.teacher=bundles/…"
        )
    from sahelclf.bundle.labeller import Labeller

    folder = Path(settings.teacher_name)
    if not folder.is_dir():
        raise RequestError(
            f"model.teacher={folder}: no such folder; expected that of a bundle, such as "
            "bundles/embedding-<run id>"
        )
    teacher = Labeller.load(folder)
    corpus, _, development = checked
    held_out = _held_out(corpus, development)
    _refuse_other_codebook(teacher, corpus, settings.teacher_name)
    _refuse_taught_teacher(teacher, held_out, settings.teacher_name, config.split)
    build = _builder(teacher, corpus, settings.teacher_name)
    texts, hashes = [], {"teacher": file_sha256(folder / "manifest.json")}
    name = settings.collection_name
    if name is not None:
        texts = collection(name, teacher, corpus, held_out)
        hashes["unlabelled"] = text_sha256("\n".join(texts))
    return Teaching(Lesson(build, tuple(texts), _labelled(teacher, texts)), hashes)


def _held_out(corpus: Corpus, development: Sequence[str]) -> dict[str, str]:
    """Passages that the training does not see, by id."""
    wanted = set(development)
    return {p.id: p.text for p in corpus.passages if p.document_id not in wanted}


def _refuse_other_codebook(teacher: "Labeller", corpus: Corpus, name: str) -> None:
    heads, expected = tuple(teacher.manifest["heads"]), labeller_layout(corpus.codebook).names
    if heads != expected:
        unknown, missing = set(heads) - set(expected), set(expected) - set(heads)
        differences = [f"it lacks {', '.join(sorted(missing)[:SHOWN])}"] if missing else []
        differences += [f"it has {', '.join(sorted(unknown)[:SHOWN])}"] if unknown else []
        raise RequestError(
            f"model.teacher={name}: another codebook: "
            f"{'; '.join(differences) or 'its labels are in another order'}; train a teacher on "
            f"corpus={corpus.root}"
        )


def _refuse_taught_teacher(
    teacher: "Labeller", held_out: dict[str, str], name: str, split: str
) -> None:
    seen = set(teacher.manifest["training_texts"])
    known = [
        i
        for i, text in held_out.items()
        if len(text.split()) >= STOCK_WORDS and training_hash(text) in seen
    ]
    if known:
        raise RequestError(
            f"model.teacher={name}: has learnt {len(known):,} of the {len(held_out):,} passages "
            f"that split={split} holds out ({', '.join(known[:SHOWN])}); the student would know "
            f"them too. Train the teacher with split={split} of this corpus"
        )


def _builder(teacher: "Labeller", corpus: Corpus, name: str) -> Any:
    """A function that makes models with the teacher's settings, tried once."""
    kind = kind_of(teacher.manifest)
    if kind.teach is not None:
        raise RequestError(
            f"model.teacher={name}: is a {kind.name} itself; choose the bundle that it learnt from"
        )
    try:
        config = kind.config.model_validate(teacher.manifest["config"]["model"])
    except ValidationError as error:
        problems = "; ".join(validation_problems(error, "its settings"))
        raise RequestError(
            f"model.teacher={name}: was trained by a version with other settings ({problems}); "
            "train it again"
        ) from None
    build = partial(build_model, config, corpus.codebook, corpus.root)
    build()
    return build


def collection(
    name: str, teacher: "Labeller", corpus: Corpus, held_out: dict[str, str]
) -> list[str]:
    """Texts of a collection that a student may learn from: passages, each once, in order.

    Texts that the corpus has are left out, and so are those in other languages. Held-out texts of
    the corpus are refused.
    """
    from sahelclf.corpus.language import recognise_all

    found = [*_passages(name, teacher)]
    languages = recognise_all([text for _, text in found], trained=teacher.languages)
    known = _Known({p.id: p.text for p in corpus.passages})
    counts: Counter[str] = Counter()
    problems: list[str] = []
    texts: dict[str, str] = {}
    for (where, text), language in zip(found, languages, strict=True):
        same = known.find(text)
        if same in held_out:
            problems.append(f"{where}: is held-out passage {same} of the corpus, or nearly so")
        elif same is not None:
            counts["in the corpus already"] += 1
        elif language.surely_foreign:
            counts["in another language"] += 1
        elif (key := text_sha256(text)) in texts:
            counts["there twice"] += 1
        else:
            texts[key] = text
    if problems:
        raise RequestError(
            [
                f"model.unlabelled={name}: {len(problems):,} of {len(found):,} texts are held out "
                "by the split, so that scores on them would be too high; remove them",
                *problems[:SHOWN],
            ]
        )
    if not texts:
        raise RequestError(f"model.unlabelled={name}: no text to learn from; {dict(counts)}")
    left = "".join(f"; {n:,} {why}, left out" for why, n in counts.items())
    LOG.info(f"{name}: {len(texts):,} unlabelled passages{left}")
    return [*texts.values()]


def _passages(name: str, teacher: "Labeller") -> Iterator[tuple[str, str]]:
    """Place and text of each passage of a collection; pages are cleaned and cut."""
    from sahelclf.corpus.pages import page_of
    from sahelclf.predict.rows import Item

    source = _source(name)
    problems: list[str] = []
    rejected = 0
    for entry in source.items():
        if not isinstance(entry, Item):
            rejected += 1
            problems += [f"{entry.where}: {entry.reason}"] if entry.unread else []
        elif source.unit == "document":
            page = entry.page or page_of(entry.text, entry.title, teacher.languages)
            for k, passage in enumerate(page.passages):
                yield f"{entry.where}, passage {k + 1}", clean_text(passage.text)
        else:
            yield entry.where, entry.text
    if problems:
        raise RequestError([f"model.unlabelled={name}: not read to the end", *problems[:SHOWN]])
    if rejected:
        LOG.warning(f"{name}: {rejected:,} rows are not readable and left out; predict --check")


def _source(name: str) -> "Source":
    from sahelclf.predict.inputs import open_source
    from sahelclf.predict.rows import Columns

    if name == "-":
        raise RequestError("model.unlabelled=-: expected a file, a folder or a pattern")
    try:
        return open_source(name, None, Columns())
    except RequestError as error:
        raise RequestError(f"model.unlabelled: {error}") from None


class _Known:
    """Texts of a corpus, found again by near-duplicates of them; stock phrases are not."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._ids = [i for i, text in texts.items() if len(text.split()) >= STOCK_WORDS]
        self._sets = [word_runs(texts[i]) for i in self._ids]
        self._of_run: dict[int, list[int]] = {}
        for k, runs in enumerate(self._sets):
            for run in runs.tolist():
                self._of_run.setdefault(run, []).append(k)

    def find(self, text: str) -> str | None:
        """The id of a text that this one duplicates."""
        if len(text.split()) < STOCK_WORDS:
            return None
        runs = word_runs(text)
        shared = Counter(k for run in runs.tolist() for k in self._of_run.get(run, ()))
        for k, n in shared.most_common(SHOWN):
            if n >= MIN_JACCARD * len(runs) and jaccard(runs, self._sets[k]) >= MIN_JACCARD:
                return self._ids[k]
        return None


def _labelled(teacher: "Labeller", texts: Sequence[str]) -> np.ndarray:
    """The teacher's logits, (n, n_heads)."""
    parts = [np.zeros((0, len(teacher.manifest["heads"])))]
    for start in range(0, len(texts), AT_ONCE):
        parts.append(teacher.runtime.logits(texts[start : start + AT_ONCE]))
        done = min(start + AT_ONCE, len(texts))
        if done == len(texts) or start // AT_ONCE % 10 == 9:
            LOG.info(f"the teacher has labelled {done:,} of {len(texts):,} unlabelled passages")
    return np.concatenate(parts)
