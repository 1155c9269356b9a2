"""Results of a benchmark as rows, a table and files, with a ledger of the uses of test rows."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sahelclf.config import BenchmarkConfig
from sahelclf.files import file_aside
from sahelclf.reports.text import table
from sahelclf.studies.benchmark.fits import Outputs
from sahelclf.studies.benchmark.scores import ScoreRow
from sahelclf.studies.benchmark.sets import SETS
from sahelclf.versions import installed_versions

HEADER = ["set", "rows", "system", "metric", "value", "± sd", "95% interval", "others", "seconds"]
DECIMALS = 4

Fitted = Mapping[str, Mapping[tuple[str, int], Outputs]]


def plain_rows(config: BenchmarkConfig, scores: Sequence[ScoreRow]) -> list[dict[str, Any]]:
    """Scores as plain values; figures of others are beside the score that they compare with."""
    rows = []
    for of_system in scores:
        row = asdict(of_system)
        scored = row.pop("scored")
        place = ("test", "all", SETS[row["set"]].metric)
        published = (row["part"], row["rows"], row["metric"]) == place
        others = config.benchmark.sets[row["set"]].others if published else []
        for name in ("value", "sd", "low", "high"):
            row[name] = None if scored[name] is None else round(scored[name], DECIMALS)
        row["by_seed"] = [round(v, DECIMALS) for v in scored["by_seed"]]
        row["published"] = published
        row["others"] = [o.model_dump(exclude_none=True) for o in others]
        rows.append(row)
    return rows


def shown_rows(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The rows of the table for a reader, in percent.

    For each set, the published metric comes first. The published figures of others follow ours.
    """
    order = list(dict.fromkeys(row["set"] for row in rows))

    def place(row: Mapping[str, Any]) -> tuple[int, bool, bool]:
        other_metric = row["metric"] != SETS[row["set"]].metric
        return order.index(row["set"]), other_metric, row["rows"] != "all"

    shown = []
    for _, group in groupby(sorted(rows, key=place), key=place):
        of_metric = list(group)
        first = of_metric[0]
        about = [first["set"], f"{first['rows']} ({first['n_rows']})", first["metric"]]
        for row in of_metric:
            sd = "" if row["sd"] is None else f"{100 * row['sd']:.1f}"
            bounds = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
            numbers = [f"{100 * row['value']:.1f}", sd, bounds, "", f"{row['seconds']:.0f}"]
            shown.append([*about[:2], row["system"], about[2], *numbers])
            about = ["", "", ""]
        for other in first["others"]:
            value = f"{other['value']:.1f}" + (f" ± {other['sd']:.1f}" if "sd" in other else "")
            shown.append(["", "", other["system"], "", "", "", "", value, ""])
    return shown


def results_name(config: BenchmarkConfig) -> str:
    """Name of the files of results, without its ending."""
    return f"{config.benchmark.name}-{config.part}"


def write_results(
    folder: Path, config: BenchmarkConfig, rows: Sequence[dict[str, Any]], fitted: Fitted
) -> None:
    """Write `<suite>-<part>.json` and `.md`. Sets that were not scored now keep their rows."""
    import psutil

    path = folder / f"{results_name(config)}.json"
    earlier: dict[str, Any] = {"rows": [], "cells": {}}
    if path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
    order = {name: i for i, name in enumerate(config.benchmark.sets)}
    merged = [*(r for r in earlier["rows"] if r["set"] not in fitted), *rows]
    merged.sort(key=lambda r: order.get(r["set"], len(order)))
    cells = {name: own for name, own in earlier["cells"].items() if name not in fitted}
    for name, outputs in fitted.items():
        about = [dict(o.about) for o in outputs.values()]
        cells[name] = {cell.pop("cells")[0]: cell for cell in about}
    results = {
        "rows": merged,
        "when": _now(),
        "machine": f"{platform.machine()}, {psutil.cpu_count(logical=False)} cores",
        "versions": installed_versions(),
        "cells": cells,
    }
    texts = {
        path: json.dumps(results, ensure_ascii=False, indent=1),
        path.with_suffix(".md"): table([HEADER, *shown_rows(merged)], "github"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for target, text in texts.items():
        with file_aside(target) as aside:
            aside.write_text(text + "\n", encoding="utf-8")


def add_to_ledger(folder: Path, scores: Sequence[ScoreRow]) -> None:
    """Add a line to `ledger.jsonl` for each set and system that was scored on test rows.

    The same cells with the same result add none.
    """
    path = folder / "ledger.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {_key(json.loads(line)) for line in lines}
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        for entry in _entries(scores):
            if _key(entry) not in known:
                stream.write(json.dumps({"when": _now()} | entry) + "\n")


def _entries(scores: Sequence[ScoreRow]) -> Iterator[dict[str, Any]]:
    for name, system in dict.fromkeys((s.set, s.system) for s in scores):
        rows = [s for s in scores if (s.set, s.system) == (name, system)]
        values = {f"{s.metric} ({s.rows})": round(s.scored.value, DECIMALS) for s in rows}
        yield {"set": name, "system": system, "cells": list(rows[0].cells), "test": values}


def _key(entry: Mapping[str, Any]) -> str:
    return json.dumps([entry.get(k) for k in ("set", "system", "cells", "test")], sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
