"""Annotation tools: how each writes units to code, and reads the codes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sahelclf.annotation import sheet
from sahelclf.annotation.units import Sheet, Unit
from sahelclf.codebook import Codebook
from sahelclf.files import refuse_taken

if TYPE_CHECKING:
    import pandas as pd


class Tool(NamedTuple):
    """One tool.

    Attributes
    ----------
    suffixes
        Of the tool's files, by which they are recognised.
    write
        Called with the file, the units, the codebook, and a sentence on how they were drawn.
        Returns how many texts it had to cut.
    read
        Called with the file and the codebook. Raises `RequestError` with every mistake in the file.
    """

    suffixes: tuple[str, ...]
    write: Callable[[Path, Sequence[Unit], Codebook, str], int]
    read: Callable[[Path, Codebook], Sheet]


TOOLS = {
    "sheet": Tool((".csv", ".tsv"), sheet.write_sheet, sheet.read_sheet),
}


def tool_for(path: Path) -> Tool:
    """The tool whose files have this suffix; the sheet for a suffix that none has."""
    suffix = path.suffix.lower()
    return next((t for t in TOOLS.values() if suffix in t.suffixes), TOOLS["sheet"])


def write_units(path: Path, units: Sequence[Unit], codebook: Codebook, how: str) -> int:
    """Write units to code; a file that is there already is refused."""
    refuse_taken(path)
    return tool_for(path).write(path, units, codebook, how)


def read_codes(source: "str | Path | pd.DataFrame", codebook: Codebook) -> Sheet:
    """Read coded units from a tool's file, or from a DataFrame with the columns of a sheet."""
    if isinstance(source, str | Path):
        return tool_for(Path(source)).read(Path(source), codebook)
    return sheet.parse_sheet("the sheet", *sheet.frame_rows(source), codebook)
