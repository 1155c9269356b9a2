"""Splits that no document, event, page or near-duplicate crosses, stratified over every label.

scikit-learn has no grouped split for multi-label data (`StratifiedGroupKFold` refuses it), so the
assignment is iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), applied to groups.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.corpus.duplicates import STOCK_WORDS, linked_groups, near_duplicates, page_address
from sahelclf.corpus.read import Corpus
from sahelclf.errors import CorpusError
from sahelclf.records import Split

SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}
CUTS = {"temporal-2021": "2022-01-01", "temporal-2023": "2023-07-26"}
N_FOLDS = 5
PAGES, N_PAGES = "pages", 80


@lru_cache(maxsize=4)
def document_groups(corpus: Corpus) -> list[int]:
    """Group of each document, in order: one event, one page, or near-duplicate texts."""
    texts = [corpus.text_of(d.id) for d in corpus.documents]
    pairs = [(i, j) for i, j, _ in near_duplicates(texts)]
    owner = {p.id: i for i, d in enumerate(corpus.documents) for p in corpus.passages_of[d.id]}
    long = [p for p in corpus.passages if len(p.text.split()) >= STOCK_WORDS]
    near = near_duplicates([p.text for p in long])
    pairs += [(owner[long[i].id], owner[long[j].id]) for i, j, _ in near]
    events = [d.event_id for d in corpus.documents]
    pages = [page_address(d.url) if d.url else None for d in corpus.documents]
    return linked_groups(len(corpus.documents), pairs, [events, pages])


def stratify_groups(
    counts: np.ndarray,
    groups: Sequence[int],
    shares: Sequence[float],
    seed: int,
    fixed: Mapping[int, int] | None = None,
) -> np.ndarray:
    """Assign whole groups to parts.

    Parameters
    ----------
    counts
        (n_items, n_labels): how often each item has each label; a column of ones keeps the parts'
        sizes in proportion.
    groups
        (n_items,) group numbers.
    shares
        (n_parts,) positive, summing to one.
    fixed
        Part numbers of groups that have one already.

    Returns
    -------
    (n_items,) part numbers. Groups with the rarest labels are assigned first, each to the part that
    lacks its labels most.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    per_group = np.zeros((len(names), counts.shape[1]))
    np.add.at(per_group, index, counts)
    totals = per_group.sum(axis=0)
    weight = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    scaled = per_group * weight
    noise = np.random.default_rng(seed).random(len(names)) * 1e-6
    missing = np.outer(np.asarray(shares, dtype=float), totals * weight)
    part_of = np.array([(fixed or {}).get(int(name), -1) for name in names])
    for g in np.flatnonzero(part_of >= 0):
        missing[part_of[g]] -= scaled[g]
    order = np.argsort(-(scaled.max(axis=1) + noise), kind="stable")
    for g in order[part_of[order] < 0]:
        after = missing - scaled[g]
        gain = (missing**2).sum(axis=1) - (after**2).sum(axis=1)
        part_of[g] = int(np.argmax(gain))
        missing[part_of[g]] = after[part_of[g]]
    return part_of[index]


def label_counts(corpus: Corpus, document_ids: Sequence[str]) -> np.ndarray:
    """(n_documents, n_columns): size, stratum, topics, passages with each topic, topic=stance."""
    names: dict[str, int] = {}
    rows: list[Counter[str]] = []
    for document_id in document_ids:
        document = corpus.document[document_id]
        row: Counter[str] = Counter({"(size)": 1, f"stratum {document.stratum}": 1})
        row.update(f"document {topic}" for topic in document.topics or {})
        for passage in corpus.passages_of[document_id]:
            row["(passages)"] += 1
            for topic, label in passage.topics.items():
                row[topic] += 1
                if label.stance:
                    row[f"{topic}={label.stance}"] += 1
        rows.append(row)
        for name in row:
            names.setdefault(name, len(names))
    counts = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        for name, value in row.items():
            counts[i, names[name]] = value
    return counts


def make_folds(corpus: Corpus, document_ids: Sequence[str], n_folds: int, seed: int) -> np.ndarray:
    """(n_documents,) fold numbers, grouped and stratified."""
    group = group_of(corpus)
    groups = [group[d] for d in document_ids]
    if len(set(groups)) < n_folds:
        raise CorpusError(
            f"{corpus.root}: {len(set(groups))} independent documents in the development data; "
            f"{n_folds} folds need at least {n_folds}"
        )
    return stratify_groups(
        label_counts(corpus, document_ids), groups, [1 / n_folds] * n_folds, seed
    )


TOGETHER = "documents of one event, one page, or with passages nearly the same stay together"


def make_splits(corpus: Corpus, seed: int = 0) -> list[Split]:
    """Every split that `corpus split` writes; documents that have a part on disk keep it."""
    pages = _pages(corpus, seed)
    apart = {d for split in pages for ids in split.parts.values() for d in ids}
    grouped = grouped_split(corpus, seed, apart)
    development = [d.id for d in corpus.documents if d.id not in apart | {*grouped.parts["test"]}]
    splits = [grouped, *pages, *_folds(corpus, development, seed)]
    return splits + _by_date(corpus, apart) + _by_country(corpus, apart)


def grouped_split(corpus: Corpus, seed: int = 0, apart: Collection[str] = ()) -> Split:
    """Train, dev and test documents, 70/10/20, of all documents that are not held apart.

    A document that has a part on disk keeps it. Where a group then has two parts, test goes before
    dev, and dev before train.
    """
    ids = [d.id for d in corpus.documents if d.id not in apart]
    group = group_of(corpus)
    names = [*SHARES]
    fixed: dict[int, int] = {}
    for part, members in _on_disk(corpus, "grouped").items():
        for d in members:
            if d in group and d not in apart and part in SHARES:
                fixed[group[d]] = max(fixed.get(group[d], 0), names.index(part))
    shares = [*SHARES.values()]
    groups = [group[d] for d in ids]
    part_of = stratify_groups(label_counts(corpus, ids), groups, shares, seed, fixed)
    parts = {n: [d for d, p in zip(ids, part_of, strict=True) if names[p] == n] for n in names}
    rule = f"70/10/20, stratified over labels and strata; {TOGETHER}; a part once given is kept"
    return Split(name="grouped", rule=rule, parts=parts)


def _pages(corpus: Corpus, seed: int) -> list[Split]:
    """Page-like documents held apart: none that shares a group with another part's document."""
    group = group_of(corpus)
    part = {d: n for n, ids in _on_disk(corpus, PAGES).items() for d in ids if d in group}
    given = {d for ids in _on_disk(corpus, "grouped").values() for d in ids}
    closed = {group[d.id] for d in corpus.documents if d.id in given or not d.page}
    ids = [d.id for d in corpus.documents if group[d.id] not in closed]
    if not part and len(ids) < 2 * N_PAGES:
        return []
    if not part:
        share = N_PAGES / len(ids)
        counts, groups = label_counts(corpus, ids), [group[d] for d in ids]
        drawn = stratify_groups(counts, groups, [share, 1 - share], seed)
        part = {d: PAGES for d, p in zip(ids, drawn, strict=True) if p == 0}
    rule = (
        f"{N_PAGES} documents with the shape of a page, held apart from every other split; "
        f"stratified over labels and strata; {TOGETHER}"
    )
    return [Split(name=PAGES, rule=rule, parts={PAGES: [d for d in group if d in part]})]


def group_of(corpus: Corpus) -> dict[str, int]:
    """The group of each document, by its id: `document_groups`."""
    return dict(zip((d.id for d in corpus.documents), document_groups(corpus), strict=True))


def _on_disk(corpus: Corpus, name: str) -> dict[str, list[str]]:
    """Parts of a split that the corpus's folder has; empty where it has none."""
    there = (corpus.root / "splits" / f"{name}.json").exists()
    return read_split(corpus, name).parts if there else {}


def held_apart(corpus: Corpus) -> dict[str, list[str]]:
    """The parts that no other split has: `pages`, where the corpus has one."""
    return _on_disk(corpus, PAGES)


def crossing_groups(corpus: Corpus, split: Split) -> list[tuple[list[str], list[str]]]:
    """Groups with documents in several parts, held-apart parts included: members and parts."""
    parts_of: dict[str, set[str]] = defaultdict(set)
    for name, ids in [*held_apart(corpus).items(), *split.parts.items()]:
        for document_id in ids:
            parts_of[document_id].add(name)
    groups: dict[int, list[str]] = defaultdict(list)
    for document_id, number in group_of(corpus).items():
        groups[number].append(document_id)
    with_parts = [
        (members, sorted(set[str]().union(*(parts_of[d] for d in members))))
        for members in groups.values()
    ]
    return [(members, parts) for members, parts in with_parts if len(parts) > 1]


def without_part(corpus: Corpus, split: Split) -> list[str]:
    """Ids of the documents that a split does not name, and that no other split holds apart."""
    parts = (*split.parts.values(), *held_apart(corpus).values())
    named = {d for ids in parts for d in ids}
    return [d for d in corpus.document if d not in named]


def _folds(corpus: Corpus, development: Sequence[str], seed: int) -> list[Split]:
    group = group_of(corpus)
    if len({group[d] for d in development}) < N_FOLDS:
        return []
    fold = make_folds(corpus, development, N_FOLDS, seed)
    rule = f"{N_FOLDS} stratified folds of the train and dev parts of 'grouped'; {TOGETHER}"
    parts = {
        f"fold{k}": [d for d, f in zip(development, fold, strict=True) if f == k]
        for k in range(N_FOLDS)
    }
    return [Split(name="folds", kind="folds", rule=rule, parts=parts)]


def _by_date(corpus: Corpus, apart: Collection[str]) -> list[Split]:
    """Cuts by date; what belongs to a group that continues after the cut is in neither part."""
    group = group_of(corpus)
    dated = [d for d in corpus.documents if d.date and d.id not in apart]
    splits = []
    for name, cut in CUTS.items():
        later = {group[d.id] for d in dated if str(d.date) >= cut}
        parts = {
            "train": [d.id for d in dated if group[d.id] not in later],
            "test": [d.id for d in dated if str(d.date) >= cut],
        }
        rule = (
            f"train before {cut}, test from then on; a document from before it whose event, page "
            "or near copy continues after it is in no part"
        )
        if all(parts.values()):
            splits.append(Split(name=name, rule=rule, parts=parts))
    return splits


def _by_country(corpus: Corpus, apart: Collection[str]) -> list[Split]:
    """By the first country named; a group takes the country that most of its documents name."""
    group = group_of(corpus)
    named = {d.id: d.countries[0] for d in corpus.documents if d.countries and d.id not in apart}
    of_group: dict[int, Counter[str]] = {}
    for d, country in named.items():
        of_group.setdefault(group[d], Counter())[country] += 1
    first = {d: of_group[group[d]].most_common(1)[0][0] for d in named}
    common = [c for c, n in Counter(first.values()).most_common() if n >= 5]
    if len(common) < 2:
        return []
    parts = {c: [d for d, country in first.items() if country == c] for c in common}
    parts["other"] = [d for d, country in first.items() if country not in set(common)]
    rule = (
        "by the first country named, for documents that stay together by the most frequent one; "
        "leave one out at a time (countries of fewer than 5 documents are 'other')"
    )
    return [
        Split(name="country", kind="folds", rule=rule, parts={k: v for k, v in parts.items() if v})
    ]


def write_splits(corpus: Corpus, folder: Path, seed: int = 0) -> list[Split]:
    """Write `splits/*.json` of a corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = make_splits(corpus, seed)
    for split in splits:
        text = json.dumps(split.model_dump(), ensure_ascii=False, indent=1)
        (folder / f"{split.name}.json").write_text(text + "\n", encoding="utf-8")
    return splits


def read_split(corpus: Corpus, name: str) -> Split:
    """A committed split; 'grouped' is drawn, always the same, where the corpus has none."""
    path = corpus.root / "splits" / f"{name}.json"
    if not path.exists():
        if name == "grouped":
            apart = {d for ids in held_apart(corpus).values() for d in ids}
            return grouped_split(corpus, apart=apart)
        there = sorted(p.stem for p in path.parent.glob("*.json")) or ["grouped"]
        hint = f"expected one of {there}, or write them with: sahelclf corpus split"
        raise CorpusError(f"{path}: no such split; {hint}")
    try:
        split = Split.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorpusError(validation_problems(error, str(path))) from None
    listed = Counter(d for ids in split.parts.values() for d in ids)
    wrong = {
        "in two parts": sorted(d for d, n in listed.items() if n > 1),
        "that the corpus does not have": sorted(set(listed) - set(corpus.document)),
    }
    problems = [f"{path}: documents {k}: {v[:5]} ({len(v)} in all)" for k, v in wrong.items() if v]
    if problems:
        raise CorpusError(problems)
    return split
