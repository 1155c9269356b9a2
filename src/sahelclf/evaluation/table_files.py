"""Reading whole tables, such as predictions: CSV, Parquet or JSON lines to a list of rows."""

import io
from pathlib import Path
from typing import Any

from sahelclf.corpus.jsonl import read_lines
from sahelclf.errors import RequestError
from sahelclf.files import open_bytes, suffix_of


def read_table(path: Path) -> list[dict[str, Any]]:
    """Rows of a flat table; our own JSON rows of `predict` are flattened."""
    kind = suffix_of(path)
    if kind in {".csv", ".parquet"}:
        import pandas as pd

        try:
            with open_bytes(path) as stream:
                data = io.BytesIO(stream.read())
            frame = (
                pd.read_csv(data, dtype=str, keep_default_na=False)
                if kind == ".csv"
                else pd.read_parquet(data)
            )
        except (ValueError, OSError) as error:
            raise RequestError(
                f"{path}: not readable as {kind}: {' '.join(str(error).split())[:200]}"
            ) from None
        rows = [
            {str(k): (None if v == "" else v) for k, v in r.items()}
            for r in frame.to_dict("records")
        ]
    elif kind in {".jsonl", ".ndjson"}:
        rows = []
        with open_bytes(path) as stream:
            for line in read_lines(stream):
                if line.record is None:
                    raise RequestError(f"{path}:{line.number}: {line.problem}")
                rows += _flatten(line.record)
    else:
        raise RequestError(
            f"{path}: unknown form {kind!r}; expected a bundle folder, or a table in .csv, .parquet or .jsonl"
        )
    # a page's own passages share its id, and no corpus knows them; its document row is what can be scored
    rows = [r for r in rows if r.get("unit") != "passage" or r.get("passage") in {None, ""}]
    if not rows:
        raise RequestError(f"{path}: empty; expected one row a unit")
    return rows


def _flatten(record: dict[str, Any]) -> list[dict[str, Any]]:
    topics = record.get("topics")
    if not isinstance(topics, dict):
        return [record]
    row: dict[str, Any] = {"id": record.get("id")}
    for topic, t in topics.items():
        if not isinstance(t, dict):
            raise RequestError(
                f"id {record.get('id')!r}: topics.{topic}: expected an object, found {t!r}"
            )
        row |= {
            f"{topic}_probability": t.get("probability"),
            f"{topic}_holds": t.get("holds"),
            f"{topic}_stance": t.get("stance"),
        }
        row |= {f"{topic}_{s}": p for s, p in (t.get("stance_probability") or {}).items()}
    return [row]
