"""Texts of a notebook's frame, made ready for labelling."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sahelclf.corpus.language import READ, READ_OF_DOCUMENT, recognise_all
from sahelclf.corpus.pages import Page, page_of
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd


def input_table(data: "Sequence[str] | pd.Series[Any] | pd.DataFrame", text: str) -> "pd.DataFrame":
    """Columns `id`, `text` and `title`, with the index of `data`; a missing text or title is ''."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        if [*data.columns].count(text) != 1:
            names = [*map(str, data.columns)]
            raise RequestError(f"{text!r} is not one column of {names}; name the texts by text=")
        others = {n: data[n] for n in ("id", "title") if n in data.columns}
        table = pd.DataFrame(others | {"text": data[text]}, index=data.index)
    elif isinstance(data, pd.Series):
        table = data.to_frame("text")
    else:
        table = pd.DataFrame({"text": pd.Series(_listed(data), dtype=object)})
    texts = checked_texts(_filled(table, "text"))
    ids = [str(i) for i in _filled(table, "id")]
    taken = set(ids)
    numbers = (str(n) if str(n) not in taken else f"row {n}" for n in range(len(ids)))
    ids = [i or n for i, n in zip(ids, numbers, strict=True)]
    titles = [str(t) for t in _filled(table, "title")]
    return pd.DataFrame({"id": ids, "text": texts, "title": titles}, index=table.index)


def _filled(table: "pd.DataFrame", name: str) -> list[Any]:
    """Values of a column, '' for those that are missing and where there is no such column."""
    if name not in table.columns:
        return [""] * len(table)
    column = table[name].astype(object)
    return [*column.where(column.notna(), "")]


def _listed(texts: Sequence[Any]) -> list[Any]:
    if isinstance(texts, str):
        raise RequestError("expected a sequence of texts, found one text; put it in a list")
    return list(texts)


def checked_texts(texts: Sequence[Any]) -> list[str]:
    """The same as a list; an error where it is one string, or holds anything but strings."""
    texts = _listed(texts)
    wrong = [i for i, t in enumerate(texts) if not isinstance(t, str)]
    if wrong:
        first = f"{texts[wrong[0]]!r} at position {wrong[0]}"
        raise RequestError(f"expected texts; found {first} ({len(wrong)} in all)")
    return texts


def add_readable(
    table: "pd.DataFrame",
    unit: str,
    clean: Callable[[str], str],
    languages: Sequence[str],
    *,
    any_language: bool,
) -> None:
    """Add columns: `page` of documents, `language`, and `reason` where a row gets no labels.

    A text that is surely in none of `languages` gets none, unless any language is wanted.
    """
    import pandas as pd

    read = READ_OF_DOCUMENT if unit == "document" else READ
    pairs = zip(table["text"], table["title"], strict=True)
    pages = [page_of(*pair, languages) if unit == "document" else None for pair in pairs]
    texts = [
        page.text if page else clean(raw) for page, raw in zip(pages, table["text"], strict=True)
    ]
    rows: list[tuple[Page | None, str | None, str | None]] = []
    for page, text, found in zip(pages, texts, recognise_all(texts, read, languages), strict=True):
        reason = None if text.strip() else "no text"
        if found.surely_foreign and not any_language:
            reason = (
                f"language {found.language}; the model was trained on {', '.join(languages)}; "
                "any_language=True labels it anyway"
            )
        rows.append((page, found.language if text.strip() else None, reason))
    for k, name in enumerate(("page", "language", "reason")):
        table[name] = pd.Series([row[k] for row in rows], index=table.index, dtype=object)
