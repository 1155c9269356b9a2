"""A sheet on which a person labels a stratified sample of passages, and how far that person agrees with the corpus."""

from collections import Counter
from pathlib import Path

from sahelclf.annotation.sampling import draw_evenly
from sahelclf.annotation.spreadsheet import GUIDE, allowed_codes, read_rows, stance_of, write_rows
from sahelclf.codebook import Codebook
from sahelclf.corpus.agreement import Agreement, Pair, agreement
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.records import Label, Passage, Topics

FIXED = ("unit", "sampling_probability", "title", "text")


def sample_passages(corpus: Corpus, n: int, seed: int) -> list[tuple[Passage, float]]:
    """Passages with their sampling probability, as many as can be from every cell: none, and each topic=stance.

    A passage of several cells counts for the rarest of them; cells too small to fill their share leave it to the others.
    """
    counts = Counter(cell for p in corpus.passages for cell in _cells(p))
    strata = [min(_cells(p), key=lambda c: (counts[c], c)) for p in corpus.passages]
    rows, chances = draw_evenly(strata, n, seed, f"the passages of {corpus.root}")
    return [(corpus.passages[r], float(p)) for r, p in zip(rows, chances, strict=True)]


def _cells(passage: Passage) -> list[str]:
    return [f"{t}={label.stance}" for t, label in passage.topics.items()] or ["(none)"]


def write_sheet(corpus: Corpus, path: Path, n: int, seed: int) -> int:
    """Write the sheet as CSV that spreadsheets open: one empty column a topic; the labels are not on it."""
    book = corpus.codebook
    guide = [
        GUIDE,
        "",
        "",
        f"fill every topic column of every row with: {allowed_codes(book)}",
        *(_short(book, t) for t in book.topic_names),
    ]
    drawn = sample_passages(corpus, n, seed)
    rows = [
        [
            p.id,
            f"{chance:.6f}",
            corpus.document[p.document_id].title,
            p.text,
            *("" for _ in book.topics),
        ]
        for p, chance in drawn
    ]
    write_rows(path, [[*FIXED, *book.topic_names], guide, *rows])
    return len(rows)


def _short(codebook: Codebook, topic: str) -> str:
    t = codebook.topics[topic]
    return f"holds: {t.holds} | stance towards: {t.target}"


def read_sheet(corpus: Corpus, path: Path) -> dict[str, Topics]:
    """Labels by unit; every slip is named by its row and column."""
    header, rows = read_rows(path)
    expected = [*FIXED, *corpus.codebook.topic_names]
    if header != expected:
        raise RequestError(
            f"{path}: row 1: found columns {header[:12]}; expected {expected}, as `corpus sample` wrote them"
        )
    known = {p.id for p in corpus.passages}
    problems: list[str] = []
    labels: dict[str, Topics] = {}
    for number, row in rows:
        if row[0].strip() == GUIDE:
            continue
        if len(row) != len(expected):
            problems.append(f"{path}: row {number}: {len(row)} cells; expected {len(expected)}")
            continue
        if row[0] not in known:
            problems.append(
                f"{path}: row {number}, column unit: {row[0]!r} is no passage of {corpus.root}"
            )
        elif row[0] in labels:
            problems.append(f"{path}: row {number}, column unit: {row[0]!r} stands twice")
        labels[row[0]] = _labels(
            corpus.codebook, row[len(FIXED) :], f"{path}: row {number}", problems
        )
    if not labels:
        problems.append(f"{path}: no filled row")
    if problems:
        raise RequestError(problems[:30])
    return labels


def _labels(codebook: Codebook, cells: list[str], where: str, problems: list[str]) -> Topics:
    named = {
        t: stance_of(cell, codebook, f"{where}, column {t}", problems)
        for t, cell in zip(codebook.topic_names, cells, strict=True)
    }
    return {t: Label(stance=stance) for t, stance in named.items() if stance is not None}


def sheet_agreement(corpus: Corpus, labels: dict[str, Topics]) -> list[Agreement]:
    """The person against the corpus's labels, on the passages of the sheet."""
    by_id = {p.id: p for p in corpus.passages}
    pairs = [
        Pair(unit, by_id[unit].document_id, by_id[unit].topics, topics)
        for unit, topics in labels.items()
    ]
    return [a for a in agreement(corpus, pairs) if not a.what.endswith("basis")]
