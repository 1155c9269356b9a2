"""Which documents a robustness test holds out together, and which it trains on: by country, by date, by outlet.

Everything is drawn from the development documents of 'grouped'. Training documents of a held-out document's event or
page, or with passages nearly the same, are left out of its training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sahelclf.config import TrainConfig
from sahelclf.corpus.duplicates import linked_groups
from sahelclf.corpus.read import Corpus
from sahelclf.corpus.splits import (
    CUTS,
    document_groups,
    label_counts,
    make_folds,
    read_split,
    stratify_groups,
)
from sahelclf.training.seeds import derive_seed

FEWEST_DOCUMENTS = 10


@dataclass(frozen=True)
class Held:
    """Documents held out together, and those trained on."""

    name: str
    documents: tuple[str, ...]
    train: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """One kind of shift, and the parts that it holds out.

    In a `rotation` each part's decisions are settled on the other parts' held-out logits, else by cross-fitting within the
    training part. `each`: a part has a meaning of its own, and is scored by itself besides.
    """

    name: str
    held: tuple[Held, ...]
    rotation: bool
    each: bool = False

    def fits(self, crossfit: int) -> int:
        """How many models it fits."""
        return len(self.held) * (1 if self.rotation else crossfit + 1)


def reference(corpus: Corpus, development: Sequence[str], config: TrainConfig) -> Trial:
    """The folds of `train`: what the same model reaches where nothing is held out but the text itself."""
    fold = make_folds(corpus, development, config.crossfit, derive_seed(config.seed, "folds"))
    parts = {
        f"fold{k}": [d for d, f in zip(development, fold, strict=True) if f == k]
        for k in range(config.crossfit)
    }
    return rotation("reference", corpus, development, parts)


def rotation(
    name: str,
    corpus: Corpus,
    pool: Sequence[str],
    parts: dict[str, list[str]],
    *,
    each: bool = False,
) -> Trial:
    """Hold out one part at a time; the rest of the pool is trained on, less what belongs to the part's documents."""
    held = tuple(Held(k, tuple(v), apart(corpus, pool, v)) for k, v in parts.items())
    return Trial(name, held, rotation=True, each=each)


def trials(
    corpus: Corpus, development: Sequence[str], config: TrainConfig
) -> tuple[list[Trial], list[str]]:
    """The tests that this corpus allows, and notes on what was left out and why."""
    found: list[Trial] = []
    notes: list[str] = []
    n_test = len(corpus.documents) - len(development)
    if n_test:
        notes.append(
            f"{n_test} documents of the test part of 'grouped' are neither trained on nor scored, wherever they stand in the splits below"
        )
    for trial in (
        _country(corpus, development, notes),
        *(_temporal(corpus, development, name, config, notes) for name in CUTS),
    ):
        found += [trial] if trial else []
    outlet = _outlet(corpus, development, config, notes)
    return found + ([outlet] if outlet else []), notes


def _country(corpus: Corpus, development: Sequence[str], notes: list[str]) -> Trial | None:
    parts = _parts(corpus, "country", development, notes)
    if not parts:
        return None
    small = [f"{k} ({len(v)})" for k, v in parts.items() if len(v) < FEWEST_DOCUMENTS]
    parts = {k: v for k, v in parts.items() if len(v) >= FEWEST_DOCUMENTS}
    if small:
        notes.append(
            f"country: not held out, for fewer than {FEWEST_DOCUMENTS} development documents: {', '.join(small)}"
        )
    if len(parts) < 2:
        notes.append(
            f"country: left out; {len(parts)} countries of {FEWEST_DOCUMENTS} development documents or more, two are needed"
        )
        return None
    return _noted(rotation("country", corpus, development, parts, each=True), development, notes)


def _temporal(
    corpus: Corpus, development: Sequence[str], name: str, config: TrainConfig, notes: list[str]
) -> Trial | None:
    parts = _parts(corpus, name, development, notes)
    if not parts:
        return None
    held, past = parts.get("test", []), parts.get("train", [])
    train = apart(corpus, past, held)
    group = _groups(corpus)
    independent = len({group[d] for d in train})
    if not held or independent < config.crossfit:
        notes.append(
            f"{name}: left out; {independent} independent development documents before the cut and {len(held)} after, {config.crossfit} and 1 are needed"
        )
        return None
    return _noted(
        Trial(name, (Held("after the cut", tuple(held), train),), rotation=False, each=True),
        past,
        notes,
    )


def _outlet(
    corpus: Corpus, development: Sequence[str], config: TrainConfig, notes: list[str]
) -> Trial | None:
    """Folds that neither an outlet nor an event crosses; documents without an outlet are trained on and not scored."""
    known = [d for d in development if corpus.document[d].outlet]
    if len(known) < len(development):
        notes.append(
            f"outlet: {len(development) - len(known)} documents name no outlet; they are trained on and not scored"
        )
    group = _groups(corpus)
    outlets = [" ".join(str(corpus.document[d].outlet).casefold().split()) for d in known]
    linked = linked_groups(len(known), [], [outlets, [group[d] for d in known]])
    if len(set(linked)) < config.crossfit:
        notes.append(
            f"outlet: left out; {len(set(linked))} outlets without an event in common, {config.crossfit} are needed"
        )
        return None
    shares = [1 / config.crossfit] * config.crossfit
    fold = stratify_groups(
        label_counts(corpus, known), linked, shares, derive_seed(config.seed, "folds")
    )
    parts = {
        f"fold{k}": [d for d, f in zip(known, fold, strict=True) if f == k]
        for k in range(config.crossfit)
    }
    return rotation("outlet", corpus, development, parts)


def _parts(
    corpus: Corpus, name: str, development: Sequence[str], notes: list[str]
) -> dict[str, list[str]]:
    """Development documents of each part of a committed split, in the corpus's order; none where the corpus has no such split."""
    if not (corpus.root / "splits" / f"{name}.json").exists():
        notes.append(
            f"{name}: left out; the corpus has no splits/{name}.json (corpus split --write writes what its dates and countries allow)"
        )
        return {}
    parts = read_split(corpus, name).parts
    return {part: [d for d in development if d in set(ids)] for part, ids in parts.items()}


def _groups(corpus: Corpus) -> dict[str, int]:
    return dict(zip((d.id for d in corpus.documents), document_groups(corpus), strict=True))


def apart(corpus: Corpus, pool: Sequence[str], held: Sequence[str]) -> tuple[str, ...]:
    """The documents of the pool that share no event, page or passage with the held-out ones, which are not among them either."""
    group = _groups(corpus)
    near = {group[d] for d in held}
    return tuple(d for d in pool if group[d] not in near)


def _noted(trial: Trial, pool: Sequence[str], notes: list[str]) -> Trial:
    linked = sum(len(set(pool) - set(h.documents) - set(h.train)) for h in trial.held)
    if linked:
        notes.append(
            f"{trial.name}: {linked} training documents share an event, a page or a passage with the held-out ones, and were not trained on"
        )
    return trial
