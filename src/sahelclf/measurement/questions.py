"""What `measure` is asked to compare, as options say it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Names

KINDS = ("topic", "pair", "stance")


@dataclass(frozen=True)
class Questions:
    """What is compared.

    Attributes
    ----------
    contrasts
        `COLUMN=A,B`: A minus B, all pairs where there are more; `topic=` and `stance=` compare
        topics, and stances of each topic.
    before_after
        A date: what is measured from that day on, minus what is measured before.
    trend
        `year`, `quarter` or `month`: the slope of the share, by period.
    of
        Kinds of shares (`topic`, `pair`, `stance`) and topics; by default shares of all topics.
    """

    contrasts: tuple[str, ...] = ()
    before_after: str | None = None
    trend: str | None = None
    of: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.contrasts or self.before_after or self.trend)


def asked_for(of: Sequence[str], names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Kinds of shares and topics that `--of` names."""
    unknown = [name for name in of if name not in (*KINDS, *names.topics)]
    if unknown:
        raise RequestError(
            f"--of {','.join(of)}: found {', '.join(unknown)}; expected {', '.join(KINDS)} or "
            f"topics: {', '.join(names.topics)}"
        )
    kinds = tuple(k for k in KINDS if k in of) or ("topic",)
    return kinds, tuple(t for t in names.topics if t in of) or tuple(names.topics)


def parse_contrast(contrast: str) -> tuple[str, list[str]]:
    """The column and the values of `COLUMN=A,B`."""
    column, sign, rest = contrast.partition("=")
    values = [v.strip() for v in rest.split(",") if v.strip()]
    if not sign or not column.strip() or len(values) < 2 or len(set(values)) < len(values):
        raise RequestError(
            f"--contrast {contrast!r}: expected COLUMN=A,B with two or more different values, for "
            "instance country=Mali,Niger, topic=…,… or stance=…,…"
        )
    return column.strip(), values
