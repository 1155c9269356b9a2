"""A sheet for hand coding units of one's own collection: drawn with known probabilities, written for a spreadsheet, read back with every slip named.

Columns: `id`, `check`, `sampling_probability`, `stratum`, `title`, `text`, then one a topic. `check` holds a hash of the row's id,
probability, stratum and text, then a hash of the predictions it was drawn with. A sheet made elsewhere needs `id`,
`sampling_probability` and the topics; without `check`, changes to its ids cannot be seen.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sahelclf.annotation.sampling import draw_evenly
from sahelclf.annotation.spreadsheet import GUIDE, allowed_codes, read_rows, stance_of, write_rows
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Gold, Names

FIXED = ("id", "check", "sampling_probability", "stratum", "title", "text")
NEEDED = ("id", "sampling_probability")
LONGEST_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters
FORMULA = ("=", "+", "-", "@")
MOST_SHOWN = 30
MARK = "u:"  # before an id that a spreadsheet would change: 0012, 2023-07, 1e5, mar1
KEPT = re.compile(
    r"0|[1-9]\d{0,14}|(?!u:|true$|false$|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-. /]?\d)[a-z_].*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Unit:
    """One unit to code."""

    id: str
    title: str
    text: str
    stratum: str
    probability: float
    predicted: str = ""


@dataclass(frozen=True)
class Sheet:
    """A filled sheet: (n,) ids, sampling probabilities, strata, texts and hashes of predictions (empty where there are none), and the codes."""

    ids: tuple[str, ...]
    rows: tuple[int, ...]
    probability: np.ndarray
    stratum: tuple[str, ...]
    texts: tuple[str, ...]
    predicted: tuple[str, ...]
    gold: Gold
    notes: tuple[str, ...]

    def take(self, rows: Sequence[int] | np.ndarray) -> "Sheet":
        """The same with these units only."""
        ids, strata, texts, predicted = (
            tuple(column[k] for k in rows)
            for column in (self.ids, self.stratum, self.texts, self.predicted)
        )
        gold = Gold(self.gold.topics[rows], self.gold.stance[rows])
        return Sheet(
            ids,
            tuple(self.rows[k] for k in rows),
            self.probability[rows],
            strata,
            texts,
            predicted,
            gold,
            self.notes,
        )


def draw(strata: Sequence[str], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn evenly from the strata, and their sampling probabilities; each stratum gets two or more, else no error can be told."""
    wanted = 2 * len(set(strata))
    if 1 <= n < min(wanted, len(strata)):
        raise RequestError(
            f"corpus sample: --n {n} for {wanted // 2:,} strata; expected {wanted:,} or more, two a stratum: draw more, or stratify --by less"
        )
    return draw_evenly(strata, n, seed, "the units of the collection")


def probability_strata(p: np.ndarray, parts: int = 4) -> list[str]:
    """Strata of (n, t) predicted probabilities, so that likely positives of rare topics are drawn more often.

    A unit's score is the root of the sum of its probabilities, each over the topic's mean: chances in proportion to it make the
    variances of the shares, each over what equal chances would give, least in sum, as far as the probabilities are right. Without the
    root likely positives would be drawn too often, and a positive among the others would weigh more than all of them.
    Units in order of score are cut where each part holds as much of the summed score; equal draws from the parts then
    come near to drawing in proportion.
    """
    mean = p.mean(axis=0)
    score = np.sqrt((p[:, mean > 0] / mean[mean > 0]).sum(axis=1))
    order = np.argsort(score, kind="stable")
    summed = np.cumsum(score[order])
    part = np.zeros(len(score), dtype=int)
    if len(score) and summed[-1] > 0:
        middle = summed - score[order] / 2
        part[order] = np.minimum((middle / summed[-1] * parts).astype(int), parts - 1)
    return [f"probability {k + 1} of {parts}" for k in part]


def write_sheet(path: Path, units: Sequence[Unit], codebook: Codebook, how: str) -> int:
    """Write the sheet as CSV; returns how many texts were too long for a cell and are cut."""
    guide = f"Fill every topic column of every row with one of: {allowed_codes(codebook)}. Leave the other columns as they are. {how}"
    rows = [
        [*FIXED, *codebook.topic_names],
        [
            GUIDE,
            f"{len(units)} rows",
            "",
            "",
            "",
            guide,
            *(_short(codebook, t) for t in codebook.topic_names),
        ],
    ]
    cut = 0
    for u in units:
        text = u.text if len(u.text) <= LONGEST_CELL else u.text[:LONGEST_CELL] + " […]"
        cut += text != u.text
        fixed = [
            u.id if KEPT.fullmatch(u.id) else MARK + u.id,
            _check(u.id, u.probability, u.stratum, text, u.predicted),
            f"{u.probability:.6g}",
            u.stratum,
            _safe(u.title),
            _safe(text),
        ]
        rows.append([*fixed, *("" for _ in codebook.topics)])
    write_rows(path, rows)
    return cut


def fingerprint(values: Sequence[float]) -> str:
    """Hash of a unit's probabilities, by which predictions of another model are known."""
    return hashlib.sha256(" ".join(f"{v:.4f}" for v in values).encode()).hexdigest()[:8]


def _safe(text: str) -> str:
    """A space before what a spreadsheet would take for a formula."""
    return f" {text}" if text.lstrip().startswith(FORMULA) else text


def _check(unit: str, probability: float, stratum: str, text: str, predicted: str) -> str:
    words = " ".join(text.split())
    key = "\x1f".join((unit, f"{probability:.6g}", " ".join(stratum.split()), words))
    own = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"k{own}" + (
        f".{predicted}" if predicted else ""
    )  # a letter first: no spreadsheet takes it for a number


def _short(codebook: Codebook, topic: str) -> str:
    t = codebook.topics[topic]
    parts = [f"holds: {t.holds}", f"stance towards: {t.target}"]
    parts += [
        f"{s}: {(t.model_extra or {}).get(s, meaning)}" for s, meaning in codebook.stances.items()
    ]
    return " | ".join(" ".join(p.split()) for p in parts)


def read_sheet(path: Path, codebook: Codebook) -> Sheet:
    """Read a filled sheet; raise with every slip named by row and column."""
    header, lines = read_rows(path)
    topics = codebook.topic_names
    missing = [c for c in (*NEEDED, *topics) if c not in header]
    doubled = sorted({c for c in header if header.count(c) > 1 and c})
    if missing or doubled:
        wrong = f"lacks {missing}" if missing else f"has {doubled} twice"
        raise RequestError(
            f"{path}: row 1: the header {wrong}; found {header[:14]}, expected {[*FIXED, *topics]} as `corpus sample` wrote it"
        )
    reader = _Reader(path, header, codebook)
    expected = None
    for number, cells in lines:
        if cells[0].strip() == GUIDE:
            expected = reader.rows_drawn(cells)
        else:
            reader.take(number, cells)
    return reader.finished(expected)


class _Reader:
    """Rows of one sheet, checked as they come."""

    def __init__(self, path: Path, header: list[str], codebook: Codebook) -> None:
        self.path, self.header, self.codebook = path, header, codebook
        self.place = {name: k for k, name in enumerate(header)}
        self.problems: list[str] = []
        self.seen: dict[str, int] = {}
        self.units: list[tuple[int, str, float, str, str, str]] = []
        self.stances: list[list[int]] = []

    def rows_drawn(self, cells: list[str]) -> int | None:
        """How many rows the guide line says there were."""
        word = self._cell(cells, "check").split(" ")[0]
        return int(word) if word.isdigit() else None

    def _cell(self, cells: list[str], name: str) -> str:
        k = self.place.get(name)
        return cells[k].strip() if k is not None and k < len(cells) else ""

    def take(self, number: int, cells: list[str]) -> None:
        """Check one row and keep it."""
        at = f"{self.path}: row {number}"
        if len(cells) != len(self.header):
            self.problems.append(
                f"{at}: {len(cells)} cells, the header has {len(self.header)}; is a quote or a column missing?"
            )
            return
        unit, stratum, text = (self._cell(cells, c) for c in ("id", "stratum", "text"))
        unit = unit.removeprefix(MARK) if "check" in self.place else unit
        if not unit:
            self.problems.append(f"{at}, column id: empty")
        elif unit in self.seen:
            self.problems.append(f"{at}, column id: {unit!r} stands in row {self.seen[unit]} too")
        self.seen.setdefault(unit, number)
        probability = self._probability(at, self._cell(cells, "sampling_probability"))
        check = self._cell(cells, "check")
        own, _, predicted = check.partition(".")
        if (
            "check" in self.place
            and probability
            and own != _check(unit, probability, stratum, text, "")
        ):
            what = "the cell is empty" if not check else "the row is not as it was drawn"
            self.problems.append(
                f"{at}, column check: {what}: id {unit!r}, sampling_probability, stratum or text was changed; copy them from the sheet as drawn"
            )
        self.stances.append(
            [self._code(at, t, self._cell(cells, t)) for t in self.codebook.topic_names]
        )
        self.units.append((number, unit, probability, stratum, text, predicted))

    def _probability(self, at: str, cell: str) -> float:
        try:
            value = float(cell.replace(",", "."))
        except ValueError:
            value = 0.0
        if not 0 < value <= 1:
            found = repr(cell) if cell else "an empty cell"
            self.problems.append(
                f"{at}, column sampling_probability: found {found}; expected a number above 0 and up to 1, the chance with which the row was drawn"
            )
            return 0.0
        return value

    def _code(self, at: str, topic: str, cell: str) -> int:
        stance = stance_of(cell, self.codebook, f"{at}, column {topic}", self.problems)
        return -1 if stance is None else self.codebook.stance_names.index(stance)

    def finished(self, expected: int | None) -> Sheet:
        """The sheet, or everything that is wrong with it."""
        if not self.units and not self.problems:
            self.problems.append(
                f"{self.path}: no row to read; expected the rows that `corpus sample` drew, filled"
            )
        if expected is not None and len(self.seen) < expected:
            self.problems.append(
                f"{self.path}: {len(self.seen)} rows of the {expected} that were drawn; a row left out biases what follows: put it back and code it"
            )
        if self.problems:
            more = (
                [f"{self.path}: {len(self.problems) - MOST_SHOWN} more"]
                if len(self.problems) > MOST_SHOWN
                else []
            )
            raise RequestError(self.problems[:MOST_SHOWN] + more)
        notes = (
            []
            if "check" in self.place
            else [f"{self.path}: no column check, so a changed id cannot be seen"]
        )
        if expected is None and "check" in self.place:
            notes.append(
                f"{self.path}: no line '{GUIDE}', so rows that were left out cannot be seen"
            )
        rows, ids, probability, stratum, texts, predicted = (
            tuple(c) for c in zip(*self.units, strict=True)
        )
        stance = np.array(self.stances)
        return Sheet(
            ids,
            rows,
            np.array(probability),
            stratum,
            texts,
            predicted,
            Gold(stance >= 0, stance),
            tuple(notes),
        )


def names_of(codebook: Codebook) -> Names:
    """Topics and stances of a codebook."""
    return Names(codebook.topic_names, codebook.stance_names)
