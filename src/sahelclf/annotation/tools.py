"""Annotation tools: each writes units to code and reads the codes, in a module of its own."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from sahelclf.annotation.sheet import frame_rows, parse_sheet
from sahelclf.annotation.units import Sheet, Unit
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError
from sahelclf.files import refuse_taken

if TYPE_CHECKING:
    import pandas as pd

DEFAULT = "sheet"
# one line a tool: its module in this package, and the suffixes of its files
TOOLS = {
    "sheet": (".csv", ".tsv"),
}


class Tool(Protocol):
    """What a tool's module has."""

    def write_units(
        self, path: Path, units: Sequence[Unit], codebook: Codebook, how_drawn: str, /
    ) -> int:
        """Write units; `how_drawn` says how. Returns how many texts had to be cut."""

    def read_codes(self, path: Path, codebook: Codebook, /) -> Sheet:
        """Read coded units; raise `RequestError` with every mistake in the file."""


def tool_for(path: Path) -> Tool:
    """The tool whose files have this suffix; the sheet for a suffix that none has."""
    suffix = path.suffix.lower()
    name = next((n for n, suffixes in TOOLS.items() if suffix in suffixes), DEFAULT)
    return cast("Tool", import_module(f"{__package__}.{name}"))


def write_units(path: Path, units: Sequence[Unit], codebook: Codebook, how_drawn: str) -> int:
    """Write units to code; a file that is there already, or of another form, is refused."""
    known = [suffix for suffixes in TOOLS.values() for suffix in suffixes]
    if path.suffix and path.suffix.lower() not in known:
        raise RequestError(f"{path}: unknown form {path.suffix!r}; expected {' or '.join(known)}")
    refuse_taken(path)
    return tool_for(path).write_units(path, units, codebook, how_drawn)


def read_codes(source: "str | Path | pd.DataFrame", codebook: Codebook) -> Sheet:
    """Read coded units from a tool's file, or from a DataFrame with the columns of a sheet."""
    if isinstance(source, str | Path):
        return tool_for(Path(source)).read_codes(Path(source), codebook)
    return parse_sheet("the sheet", *frame_rows(source), codebook)
