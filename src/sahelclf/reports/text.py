"""Tables as text."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], tablefmt: str = "simple") -> str:
    """A table whose first row is its header."""
    from tabulate import tabulate

    return tabulate(
        list(rows[1:]),
        headers=list(rows[0]),
        tablefmt=tablefmt,
        disable_numparse=True,
        colalign=("left",),
    )
