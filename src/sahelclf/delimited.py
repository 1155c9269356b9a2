"""Tables as delimited text: which encoding, which delimiter, where the header begins."""

import re
from dataclasses import dataclass

DELIMITERS = ",;\t|"
QUOTED = re.compile(r'"(?:[^"]|"")*"')
BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# Cells that mean "no value", as R, pandas, spreadsheets, databases and forums write them.
MISSING = frozenset(
    {
        "", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NaT",
        "None", "NULL", "null", "\\N", "[deleted]", "[removed]",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    """How a delimited table is written.

    Attributes
    ----------
    encoding
        Name that `bytes.decode` takes; UTF-8 where no byte order mark or NUL byte says otherwise.
    delimiter
        One of `DELIMITERS`.
    skipped
        Lines before the header: 1 where the first is Excel's `sep=;`, else 0.
    """

    encoding: str
    delimiter: str
    skipped: int = 0

    @property
    def decimal(self) -> str:
        """Decimal mark of numbers: spreadsheets that separate by semicolons write commas."""
        return "," if self.delimiter == ";" else "."


def sniff_dialect(head: bytes, default: str = ",") -> Dialect:
    """Dialect of a table from its first bytes, which hold the header at least.

    The delimiter is the one that occurs most often in the header outside quotation marks; `default`
    where none occurs. It is that of a line `sep=…` where the table begins with one.
    """
    encoding = sniff_encoding(head)
    lines = head.decode(encoding, "replace").lstrip("\n\r").splitlines()
    first = lines[0].strip(" ") if lines else ""
    stated = re.fullmatch(r'"?sep=(.)"?', first, re.IGNORECASE)
    if stated:
        return Dialect(encoding, stated[1], 1)
    return Dialect(encoding, find_delimiter(first, default))


def sniff_encoding(head: bytes) -> str:
    """Encoding by the byte order mark, or by the NUL bytes of UTF-16; else UTF-8."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) > 1 and 0 in head[:2] and head[0] != head[1]:
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    return "utf-8-sig"


def find_delimiter(header: str, default: str = ",") -> str:
    """The delimiter that occurs most often in a header, outside quotation marks."""
    bare = QUOTED.sub("", header)
    best = max(DELIMITERS, key=bare.count)
    return best if best in bare else default
