"""A sheet on which a person labels a stratified sample of passages, and how far that person agrees with the corpus."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from sahelclf.aside import aside_of
from sahelclf.codebook import Codebook
from sahelclf.corpus.agreement import Agreement, Pair, agreement
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.records import Label, Passage, Topics

NO = "no"
FIXED = ("unit", "sampling_probability", "title", "text")


def sample_passages(corpus: Corpus, n: int, seed: int) -> list[tuple[Passage, float]]:
    """Passages with their sampling probability, as many as can be from every cell: none, and each topic=stance.

    A passage of several cells counts for the rarest of them; cells too small to fill their share leave it to the others.
    """
    if seed < 0:
        raise RequestError(f"corpus sample: --seed {seed}; expected 0 or more")
    if not 1 <= n <= len(corpus.passages):
        raise RequestError(f"corpus sample: --n {n}; expected 1 to {len(corpus.passages)}, the passages of {corpus.root}")
    counts: dict[str, int] = defaultdict(int)
    for p in corpus.passages:
        for cell in _cells(p):
            counts[cell] += 1
    strata: dict[str, list[Passage]] = defaultdict(list)
    for p in corpus.passages:
        strata[min(_cells(p), key=lambda c: (counts[c], c))].append(p)
    rng = np.random.default_rng(seed)
    drawn, left = [], n
    for done, name in enumerate(sorted(strata, key=lambda s: (len(strata[s]), s))):
        inside = strata[name]
        take = min(len(inside), -(-left // (len(strata) - done)))
        chosen = rng.choice(len(inside), size=take, replace=False)
        drawn += [(inside[i], take / len(inside)) for i in chosen]
        left -= take
    order = rng.permutation(len(drawn))
    return [drawn[i] for i in order]


def _cells(passage: Passage) -> list[str]:
    return [f"{t}={label.stance}" for t, label in passage.topics.items()] or ["(none)"]


def write_sheet(corpus: Corpus, path: Path, n: int, seed: int) -> int:
    """Write the sheet as CSV that spreadsheets open: one empty column a topic; the labels are not on it."""
    rows = sample_passages(corpus, n, seed)
    allowed = " / ".join([NO, *corpus.codebook.stance_names])
    aside = aside_of(path)
    with aside.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*FIXED, *corpus.codebook.topic_names])
        writer.writerow(["#", "", "", f"fill every topic column of every row with: {allowed}", *(_short(corpus.codebook, t) for t in corpus.codebook.topic_names)])
        for passage, probability in rows:
            title = corpus.document[passage.document_id].title
            writer.writerow([passage.id, f"{probability:.6f}", title, passage.text, *("" for _ in corpus.codebook.topics)])
    aside.replace(path)
    return len(rows)


def _short(codebook: Codebook, topic: str) -> str:
    t = codebook.topics[topic]
    return f"holds: {t.holds} | stance towards: {t.target}"


def read_sheet(corpus: Corpus, path: Path) -> dict[str, Topics]:
    """Labels by unit; every slip is named by its row and column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: not readable as a sheet in UTF-8: {error}") from None
    expected = [*FIXED, *corpus.codebook.topic_names]
    if not rows or rows[0] != expected:
        raise RequestError(f"{path}: row 1: found columns {rows[0][:12] if rows else 'none'}; expected {expected}, as `corpus sample` wrote them")
    known = {p.id for p in corpus.passages}
    problems: list[str] = []
    labels: dict[str, Topics] = {}
    for number, row in enumerate(rows[1:], 2):
        if not row or row[0] == "#":
            continue
        if len(row) != len(expected):
            problems.append(f"{path}: row {number}: {len(row)} cells; expected {len(expected)}")
            continue
        if row[0] not in known:
            problems.append(f"{path}: row {number}, column unit: {row[0]!r} is no passage of {corpus.root}")
        elif row[0] in labels:
            problems.append(f"{path}: row {number}, column unit: {row[0]!r} stands twice")
        labels[row[0]] = _labels(corpus.codebook, row[len(FIXED) :], f"{path}: row {number}", problems)
    if not labels:
        problems.append(f"{path}: no filled row")
    if problems:
        raise RequestError(problems[:30])
    return labels


def _labels(codebook: Codebook, cells: list[str], where: str, problems: list[str]) -> Topics:
    topics: Topics = {}
    for topic, cell in zip(codebook.topic_names, cells, strict=True):
        value = cell.strip().lower()
        if value in codebook.stances:
            topics[topic] = Label(stance=value)
        elif value != NO:
            found = repr(cell) if cell.strip() else "an empty cell"
            problems.append(f"{where}, column {topic}: found {found}; expected one of {[NO, *codebook.stance_names]}")
    return topics


def sheet_agreement(corpus: Corpus, labels: dict[str, Topics]) -> list[Agreement]:
    """The person against the corpus's labels, on the passages of the sheet."""
    by_id = {p.id: p for p in corpus.passages}
    pairs = [Pair(unit, by_id[unit].document_id, by_id[unit].topics, topics) for unit, topics in labels.items()]
    return [a for a in agreement(corpus, pairs) if not a.what.endswith("basis")]
