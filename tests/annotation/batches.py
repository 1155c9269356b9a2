"""Batches and answers that tests of annotation share, with a tool that reads plain JSON lines."""

import json
from pathlib import Path

from sahelclf.annotation.answers import Answer, ReadAnswers
from sahelclf.annotation.batch import Batch, BatchInfo, BatchUnit, file_sha256, write_batch

CODEBOOK = """
version: "0.1"
title: Council news
languages: [en]
stances: {favor: for it, against: against it}
topics:
  water: {holds: pipes and prices, target: what the council does}
  roads: {holds: building and repair, target: the works}
"""
BOTH = ("water", "roads")


def make_batch(root: Path, units, codebook: str = CODEBOOK, **info) -> Batch:
    """A batch; `units` are ids, or dictionaries of the fields of `BatchUnit`."""
    root.parent.mkdir(parents=True, exist_ok=True)
    book = root.parent / f"{root.name}-codebook.yaml"
    book.write_text(codebook, encoding="utf-8")
    rows = [u if isinstance(u, dict) else {"unit": u} for u in units]
    defaults = {"sampling_probability": 0.5, "check": "k1"}
    made = [
        BatchUnit.model_validate(defaults | {"text": f"Text of {r['unit']}."} | r) for r in rows
    ]
    about = {
        "strategy": {"name": "random"},
        "seed": 0,
        "collection": "articles.csv",
        "collection_sha256": "0",
        "collection_units": 10,
        "codebook_sha256": file_sha256(book),
    }
    return write_batch(root, BatchInfo(**about | info), book, made)


def answer(annotator: str, unit: str, water="no", roads="no", **more) -> Answer:
    where = more.pop("where", f"{annotator}.jsonl:{unit}")
    return Answer(annotator, unit, {"water": water, "roads": roads}, where, **more)


def answers(*given: Answer, **more) -> ReadAnswers:
    return ReadAnswers(list(given), **more)


class FakeTool:
    """Reads `{"annotator", "unit", "answers"}`, one a line."""

    def read(self, path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
        result = ReadAnswers()
        for k, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(line)
            if row.get("skipped"):
                result.left_out["skipped"] += 1
                continue
            name = annotator or row["annotator"]
            result.answers.append(Answer(name, row["unit"], row["answers"], f"{path}:{k}"))
        return result


def lines(path: Path) -> list[dict]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]  # splitlines: at U+2028 too


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }
