"""Tables and names as text: Markdown, LaTeX, HTML, file names. Names from data are escaped here."""

import re
import unicodedata
from collections.abc import Sequence

LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def table(rows: Sequence[Sequence[str]], tablefmt: str = "simple") -> str:
    """A table by tabulate; the first row is its header. Cells are escaped for the format."""
    from tabulate import tabulate

    clean = escape_markdown if tablefmt == "github" else one_line
    header, *body = [[clean(str(cell)) for cell in row] for row in rows]
    text = tabulate(
        body, headers=header, tablefmt=tablefmt, disable_numparse=True, colalign=("left",)
    )
    return latex_signs(text) if tablefmt.startswith("latex") else text


def escape_latex(text: str) -> str:
    """Text as LaTeX prints it, on one line."""
    return latex_signs("".join(LATEX.get(c, c) for c in one_line(text)))


def latex_signs(text: str) -> str:
    """Replace the two signs of our tables that old LaTeX engines do not read."""
    return text.replace("±", r"\(\pm\)").replace("—", "---")


def escape_markdown(text: str) -> str:
    """Text for Markdown: no new cell, no HTML tag, no code span, no new line."""
    text = re.sub(r"([|`])", r"\\\1", one_line(text))
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", text)


def one_line(text: str) -> str:
    """Text without line breaks and control characters; blanks within it are kept."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)


def file_stem(name: str) -> str:
    """A file name without suffix, made of ASCII letters, digits, `_` and `-`, from any name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"\W+", "-", plain).strip("-")[:80] or "unnamed"
