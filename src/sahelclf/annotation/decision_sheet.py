"""The sheet for adjudication: the answers to each differing unit, without names.

Columns: `unit`, `check`, `round`, `title`, `text`, `answers 1`, `answers 2`, …, one a topic, `why`.
Topics on which all annotators agree are filled. `check` is a hash of the unit, its text and the
answers to it.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sahelclf.annotation.answers import answer_problem, choices
from sahelclf.annotation.page import Case, Decision, ReadDecisions
from sahelclf.annotation.sheet import FORMULA, GUIDE, MARK, SAFE_ID
from sahelclf.annotation.sheet_files import file_rows
from sahelclf.annotation.units import plain_cell
from sahelclf.annotation.xlsx import write_workbook
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError
from sahelclf.files import file_aside

UNIT, CHECK, ROUND, WHY = "unit", "check", "round", "why"
GIVEN = "answers "


def write_decision_sheet(path: Path, codebook: Codebook, cases: Sequence[Case]) -> Path:
    """Write the sheet, as CSV or (.xlsx) as a workbook."""
    rows = decision_rows(codebook, cases)
    if path.suffix.lower() == ".xlsx":
        return write_workbook(path, rows, codebook)
    with file_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def decision_rows(codebook: Codebook, cases: Sequence[Case]) -> list[list[str]]:
    """Rows of the sheet; the order of a unit's answers does not tell who gave them."""
    most = max((len(c.answers) for c in cases), default=0)
    given = [f"{GIVEN}{k + 1}" for k in range(most)]
    topics = codebook.topic_names
    guide = (
        f"Fill every topic column with one of: {' / '.join(choices(codebook))}, and {WHY} with the "
        "reason. Leave the other columns as they are. A row without a reason stays undecided."
    )
    rows = [
        [UNIT, CHECK, ROUND, "title", "text", *given, *topics, WHY],
        [GUIDE, "", "", "", guide, *("" for _ in range(most + len(topics) + 1))],
    ]
    for case in cases:
        answers = _shuffled(case)
        shown = [", ".join(f"{t} {a[t]}" for t in topics) for a in answers]
        agreed = [
            answers[0][t] if all(a[t] == answers[0][t] for a in answers) else "" for t in topics
        ]
        unit = case.unit if SAFE_ID.fullmatch(case.unit) else MARK + case.unit
        texts = [_no_formula(plain_cell(text)) for text in (case.title, case.text)]
        cells = [unit, _check(case), str(case.round), *texts]
        rows.append([*cells, *shown, *("" for _ in range(most - len(shown))), *agreed, ""])
    return rows


def _no_formula(text: str) -> str:
    return f" {text}" if text.lstrip().startswith(FORMULA) else text


def _shuffled(case: Case) -> list[Mapping[str, str]]:
    return sorted(case.answers, key=lambda a: _hash(case.unit, *a.values()))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _check(case: Case) -> str:
    answers = [value for a in _shuffled(case) for value in a.values()]
    return f"k{_hash(case.unit, str(case.round), case.text, *answers)[:10]}"


def read_decision_sheet(path: Path, codebook: Codebook, cases: Iterable[Case]) -> ReadDecisions:
    """Read the filled sheet; every problem is named by row and column."""
    header, rows = file_rows(path)
    topics = codebook.topic_names
    missing = [c for c in (UNIT, CHECK, ROUND, *topics, WHY) if c not in header]
    if missing:
        raise RequestError(
            f"{path}: row 1: the header lacks {missing}; expected the sheet that `annotate "
            "adjudicate` wrote"
        )
    known = {c.unit: c for c in cases}
    result = ReadDecisions()
    first: dict[str, str] = {}
    for number, values in rows:
        cells = {name: v.strip() for name, v in zip(header, values, strict=False)}
        where, unit = f"{path}: row {number}", cells.get(UNIT, "").removeprefix(MARK)
        if unit == GUIDE:
            continue
        if not cells.get(WHY):
            result.left_out["no reason"] += 1
            continue
        problems = _problems(codebook, cells, known.get(unit), unit)
        if unit in first:
            problems.append(f"{UNIT}: {unit!r} is in {first[unit]} too")
        first.setdefault(unit, where)
        result.problems += [f"{where}: {problem}" for problem in problems]
        if not problems:
            answers = {t: cells[t].lower() for t in topics}
            decision = Decision(unit, known[unit].round, answers, cells[WHY], where)
            result.decisions.append(decision)
    return result


def _problems(
    codebook: Codebook, cells: Mapping[str, str], case: Case | None, unit: str
) -> list[str]:
    if case is None:
        return [f"{UNIT}: {unit!r} is not among the units whose annotators differ"]
    problems = []
    if cells.get(CHECK) != _check(case):
        problems.append(
            f"{CHECK}: found {cells.get(CHECK)!r}, expected {_check(case)!r}: unit, text or "
            "answers changed after the sheet was written; write it again"
        )
    text = _no_formula(plain_cell(case.text))
    if cells.get("text", text).split() != text.split():
        problems.append("text: was changed in the sheet; copy it from the sheet as written")
    wrong = (answer_problem(codebook, t, cells.get(t, "").lower()) for t in codebook.topic_names)
    return problems + [problem for problem in wrong if problem]
