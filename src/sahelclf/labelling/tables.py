"""Reading whole tables, such as predictions: CSV, Parquet or JSON lines to a list of rows."""

from pathlib import Path
from typing import Any

from sahelclf.corpus.jsonl import read_lines
from sahelclf.errors import RequestError


def read_table(path: Path) -> list[dict[str, Any]]:
    """Rows of a flat table; our own JSON rows of `predict` are flattened."""
    if path.suffix in {".csv", ".parquet"}:
        import pandas as pd

        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False) if path.suffix == ".csv" else pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise RequestError(f"{path}: not readable as {path.suffix}: {' '.join(str(error).split())[:200]}") from None
        rows = [{str(k): (None if v == "" else v) for k, v in r.items()} for r in frame.to_dict("records")]
    elif path.suffix in {".jsonl", ".ndjson"}:
        rows = []
        with path.open("rb") as stream:
            for line in read_lines(stream):
                if line.record is None:
                    raise RequestError(f"{path}:{line.number}: {line.problem}")
                rows += _flatten(line.record)
    else:
        raise RequestError(f"{path}: unknown form {path.suffix!r}; expected a bundle folder, or a table in .csv, .parquet or .jsonl")
    if not rows:
        raise RequestError(f"{path}: empty; expected one row a unit")
    return rows


def _flatten(record: dict[str, Any]) -> list[dict[str, Any]]:
    topics = record.get("topics")
    if not isinstance(topics, dict):
        return [record]
    row: dict[str, Any] = {"id": record.get("id")}
    for topic, t in topics.items():
        row |= {f"{topic}_probability": t.get("probability"), f"{topic}_holds": t.get("holds"), f"{topic}_stance": t.get("stance")}
        row |= {f"{topic}_{s}": p for s, p in (t.get("stance_probability") or {}).items()}
    return [row]
