"""A batch: units of a collection to annotate, in a folder that the tools' files lie beside.

`batch.json` says how the units were drawn and from what; `units.jsonl` holds them; `codebook.yaml`
is the codebook that they are annotated by. A tool brings back only unit, annotator and answers.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from sahelclf.codebook import Codebook, read_codebook, validation_problems
from sahelclf.corpus.read import duplicate_problems, read_records
from sahelclf.errors import RequestError
from sahelclf.files import file_sha256
from sahelclf.records import Frozen, Id, matches

BATCH, UNITS, CODEBOOK = "batch.json", "units.jsonl", "codebook.yaml"
LETTERS = "letters (A to Z), digits, '.', '_' or '-', the first a letter or digit"
AnnotatorName = Annotated[str, matches("[A-Za-z0-9][A-Za-z0-9._-]*", 40, LETTERS)]


class BatchUnit(Frozen):
    """One unit to annotate.

    Attributes
    ----------
    check
        Hash of unit, probability, stratum and text, by which a change is seen; after a full stop,
        the fingerprint of the predictions that the unit was drawn with.
    drawn
        By chance, in proportion to a model's uncertainty, or because the unit is to be looked at
        again (audit, adjudication): such units have no sampling probability for estimates.
    document, date
        Of the collection's row, where it names them.
    annotators
        Who is to annotate it; empty for everybody.
    suggestion
        A model's answers by topic, where the annotators were to see them.
    """

    unit: Id
    text: Annotated[str, Field(min_length=1)]
    title: str = ""
    check: str
    sampling_probability: Annotated[float, Field(gt=0, le=1)]
    stratum: str = ""
    drawn: Literal["random", "model", "again"] = "random"
    document: Id | None = None
    date: str | None = None
    annotators: list[AnnotatorName] = Field([])
    suggestion: dict[str, str] | None = None


class BatchInfo(Frozen):
    """How a batch was drawn, so that it can be drawn again and estimated from.

    `units_sha256` is the hash of `units.jsonl`; `write_batch` fills it in.
    """

    form: Literal[1] = 1
    strategy: dict[str, str | int | float | list[str]]
    seed: int
    collection: str
    collection_sha256: str
    collection_units: int
    codebook_sha256: str
    units_sha256: str = ""
    bundle: str | None = None
    annotators: list[AnnotatorName] = Field([])
    overlap: Annotated[float, Field(ge=0, le=1)] = 1.0
    tools: list[str] = Field([])


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch's folder, how it was drawn, its codebook and its units."""

    root: Path
    info: BatchInfo
    codebook: Codebook
    units: tuple[BatchUnit, ...]

    @cached_property
    def unit(self) -> dict[str, BatchUnit]:
        """Units by id."""
        return {u.unit: u for u in self.units}

    def assigned(self, annotator: str) -> list[BatchUnit]:
        """The units that an annotator is to annotate, in order."""
        return [u for u in self.units if not u.annotators or annotator in u.annotators]


def write_batch(
    root: Path, info: BatchInfo, codebook_path: Path, units: Sequence[BatchUnit]
) -> Batch:
    """Write a new folder; one that holds anything already is refused."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RequestError(f"{root}: exists and is not an empty folder; name a new one with -o")
    root.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(codebook_path, root / CODEBOOK)
    lines = [json.dumps(u.model_dump(exclude_defaults=True), ensure_ascii=False) for u in units]
    (root / UNITS).write_text("\n".join([*lines, ""]), encoding="utf-8")
    info = info.model_copy(update={"units_sha256": file_sha256(root / UNITS)})
    text = json.dumps(info.model_dump(), ensure_ascii=False, indent=1)
    (root / BATCH).write_text(text + "\n", encoding="utf-8")
    return read_batch(root)


def read_batch(root: Path) -> Batch:
    """Read a batch's folder; raise with every problem of its files."""
    root = Path(root)
    for name in (BATCH, UNITS, CODEBOOK):
        if not (root / name).is_file():
            raise RequestError(f"{root}: no {name}; expected a folder that `annotate sample` wrote")
    try:
        info = BatchInfo.model_validate_json((root / BATCH).read_bytes())
    except ValidationError as error:
        raise RequestError(validation_problems(error, str(root / BATCH))) from None
    codebook = read_codebook(root / CODEBOOK)
    problems: list[str] = []
    rows = read_records(root / UNITS, BatchUnit, problems)
    problems += duplicate_problems(rows, lambda u: u.unit)
    hashes = {CODEBOOK: info.codebook_sha256, UNITS: info.units_sha256}
    problems += [
        f"{root / name}: changed after the batch was drawn; restore it, or draw a new batch"
        for name, sha256 in hashes.items()
        if file_sha256(root / name) != sha256
    ]
    if problems:
        raise RequestError(problems)
    return Batch(root, info, codebook, tuple(u for _, u in rows))
