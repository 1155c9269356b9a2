"""`benchmark`: the models on public sets, by the published metric and the honest one, beside what others report."""

import json
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import result, say
from sahelclf.errors import RequestError
from sahelclf.reports.text import table

if TYPE_CHECKING:
    from sahelclf.config import BenchmarkConfig
    from sahelclf.studies.benchmark.fits import Line, Outputs
    from sahelclf.studies.benchmark.sets import BenchmarkSet

HELP = """usage: python -m sahelclf benchmark root=FOLDER [key=value …]

The models on public sets, as they are: the published metric on the published split, macro-F1 over the labels, both with 95%
intervals, the same without test texts that stand in training, and what others report. No text of a set is kept.

  benchmark=conflict     the suite (default conflict; also stance): conf/benchmark/
  root=FOLDER            where the public repositories are cloned, each under its own name; a missing one is explained
  part=dev               scores on development rows, cross-fitted (default): choose by these
  part=test              the final table; every use is a line in the ledger
  sets=[satp_relevant]   some of the suite's sets
  models=[tfidf,blend]   some of keywords, tfidf, embedding, transformer, blend
  seeds=[0,1,2]          seeds of the transformer
  model.transformer.epochs=3    settings, for every set
  out=FOLDER             cells, ledger and results (default benchmarks/<suite>); what is fitted there already is not fitted again

The table goes to standard error, the folder is the last line of standard output; an MLflow run of kind 'benchmark' holds both.
"""
HEADER = ["set", "rows", "system", "metric", "value", "± sd", "95% interval", "others", "seconds"]


def run(args: list[str]) -> int:
    """Fit what is not fitted yet, score, and write the table everywhere."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    config = _composed(args)
    found = _read_sets(config)
    out = Path(config.out) if config.out else Path("benchmarks") / config.benchmark.name
    from sahelclf.studies.benchmark.fits import score_systems, systems_of
    from sahelclf.tracking import runs
    from sahelclf.workflows.progress import followed

    for name, benchmark in found.items():
        _show_leaks(name, benchmark)
        if config.part == "dev" and benchmark.dev is None:
            say(f"note: {name} has no development part: nothing to score with part=dev")
    with runs.open_run(
        f"benchmark {config.benchmark.name}, {config.part}", tags={"sahelclf.kind": "benchmark"}
    ) as run_id:
        with followed(run_id) as on_step:
            fitted = _fit(config, found, out, on_step)
        lines = [
            line
            for name, benchmark in found.items()
            for line in score_systems(benchmark, systems_of(config, fitted[name]), config.part)
        ]
        if config.part == "test":
            _write_ledger(out, lines)
        rows = [_as_row(config, line) for line in lines]
        _write(out, config, rows, fitted)
        runs.log_record(run_id, _record(config, rows, out))
    say(table([HEADER, *shown_rows(rows)]))
    say(f"\nrun {run_id}; {out / _name(config)}.md holds the same")
    result(str(out))
    return 0


def _composed(args: list[str]) -> "BenchmarkConfig":
    from sahelclf.cli.train import complaints_of_hydra
    from sahelclf.training.compose import compose_benchmark

    strangers = [a for a in args if a.startswith("-")]
    if strangers:
        raise RequestError(
            f"benchmark: unknown option {strangers[0]!r}; expected key=value; see python -m sahelclf benchmark --help"
        )
    with complaints_of_hydra("benchmark"):
        config = compose_benchmark(args)
    if config.root is None:
        raise RequestError(
            "benchmark: root= is missing: the folder in which the public repositories are cloned; see python -m sahelclf benchmark --help"
        )
    return config


def _read_sets(config: "BenchmarkConfig") -> "dict[str, BenchmarkSet]":
    """Every set, before anything is fitted; all that is missing is told at once."""
    from sahelclf.studies.benchmark.sets import SETS, read_set

    assert config.root
    found, problems = {}, []
    for name in config.sets or config.benchmark.sets:
        if name not in SETS:
            problems.append(f"benchmark.sets.{name}: not known; expected one of {list(SETS)}")
            continue
        clone = Path(config.root) / SETS[name][1].rsplit("/", 1)[1]
        try:
            found[name] = read_set(name, clone)
        except RequestError as error:
            problems += error.problems
    if problems:
        raise RequestError(list(dict.fromkeys(problems)))
    return found


def _show_leaks(name: str, benchmark: "BenchmarkSet") -> None:
    from sahelclf.studies.benchmark.leakage import leak_report

    rows = leak_report(benchmark).as_table()
    say(
        f"{name}: {len(benchmark.train):,} rows to train on, {len(benchmark.dev or []):,} dev, {len(benchmark.test):,} test; texts that stand twice:"
    )
    say(table(rows) + "\n")


def _fit(
    config: "BenchmarkConfig", found: "dict[str, BenchmarkSet]", out: Path, on_step: Any
) -> "dict[str, dict[tuple[str, int], Outputs]]":
    from sahelclf.studies.benchmark.fits import cells_of, run_cell

    cells = [
        (name, cell)
        for name, benchmark in found.items()
        for cell in cells_of(config, name, benchmark)
    ]
    fitted: dict[str, dict[tuple[str, int], Outputs]] = {name: {} for name in found}
    for k, (name, cell) in enumerate(cells):
        fitted[name][cell.model, cell.seed] = run_cell(
            cell, found[name], out / "cells" / name, on_step, (k, len(cells))
        )
    return fitted


def _as_row(config: "BenchmarkConfig", line: "Line") -> dict[str, Any]:
    """A line as plain values; others' figures stand beside the published metric on the published rows."""
    from dataclasses import asdict

    row = asdict(line)
    scored = row.pop("scored")
    plan = config.benchmark.sets[line.set]
    published = (line.part, line.rows, line.metric) == ("test", "all", _published(line.set))
    others = [o.model_dump(exclude_none=True) for o in plan.others] if published else []
    numbers = {
        k: None if scored[k] is None else round(scored[k], 4)
        for k in ("value", "sd", "low", "high")
    }
    return (
        row
        | numbers
        | {
            "by_seed": [round(v, 4) for v in scored["by_seed"]],
            "published": published,
            "others": others,
        }
    )


def _published(name: str) -> str:
    from sahelclf.studies.benchmark.sets import SETS

    return SETS[name][0].primary_metric


def shown_rows(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The table for a reader, in percent as the field prints it; a set's published metric first, others' figures under ours."""
    tables: dict[tuple[str, bool, bool], list[dict[str, Any]]] = {}
    for row in rows:
        tables.setdefault(
            (row["set"], row["metric"] != _published(row["set"]), row["rows"] != "all"), []
        ).append(row)
    order = list(dict.fromkeys(row["set"] for row in rows))
    shown = []
    for key in sorted(tables, key=lambda k: (order.index(k[0]), *k[1:])):
        own = tables[key]
        about = [own[0]["set"], f"{own[0]['rows']} ({own[0]['n_rows']})", own[0]["metric"]]
        for row in own:
            sd = "" if row["sd"] is None else f"{100 * row['sd']:.1f}"
            interval = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
            shown.append(
                [
                    about[0],
                    about[1],
                    row["system"],
                    about[2],
                    f"{100 * row['value']:.1f}",
                    sd,
                    interval,
                    "",
                    f"{row['seconds']:.0f}",
                ]
            )
            about = ["", "", ""]
        for other in own[0]["others"]:
            theirs = f"{other['value']:.1f}" + (f" ± {other['sd']:.1f}" if "sd" in other else "")
            shown.append(["", "", other["system"], "", "", "", "", theirs, ""])
    return shown


def _write(
    out: Path,
    config: "BenchmarkConfig",
    rows: list[dict[str, Any]],
    fitted: "dict[str, dict[tuple[str, int], Outputs]]",
) -> None:
    import psutil

    from sahelclf.files import file_aside
    from sahelclf.versions import installed_versions

    earlier = _earlier(out / f"{_name(config)}.json", set(fitted))
    order = [*config.benchmark.sets]
    rows = sorted(
        [*earlier["rows"], *rows],
        key=lambda r: order.index(r["set"]) if r["set"] in order else len(order),
    )
    about = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {psutil.cpu_count(logical=False)} cores",
        "versions": installed_versions(),
        "cells": earlier["cells"]
        | {
            name: {o.about["cells"][0]: _without_name(o) for o in own.values()}
            for name, own in fitted.items()
        },
    }
    texts = {
        f"{_name(config)}.json": json.dumps({"rows": rows} | about, ensure_ascii=False, indent=1)
        + "\n",
        f"{_name(config)}.md": table([HEADER, *shown_rows(rows)], "github") + "\n",
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with file_aside(out / name) as aside:
            aside.write_text(text, encoding="utf-8")


def _earlier(path: Path, scored_now: set[str]) -> dict[str, Any]:
    """What the results hold of sets that were not scored now: they keep their lines."""
    if not path.is_file():
        return {"rows": [], "cells": {}}
    before = json.loads(path.read_text(encoding="utf-8"))
    return {
        "rows": [r for r in before["rows"] if r["set"] not in scored_now],
        "cells": {name: own for name, own in before["cells"].items() if name not in scored_now},
    }


def _name(config: "BenchmarkConfig") -> str:
    return f"{config.benchmark.name}-{config.part}"


def _without_name(outputs: "Outputs") -> dict[str, Any]:
    return {k: v for k, v in outputs.about.items() if k != "cells"}


def _write_ledger(out: Path, lines: "Sequence[Line]") -> None:
    """One line for each set and system scored on test rows; the same cells scored again with the same result add none."""
    path = out / "ledger.jsonl"
    known = (
        {_key(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()}
        if path.exists()
        else set()
    )
    fresh = [entry for entry in _entries(lines) if _key(entry) not in known]
    out.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        for entry in fresh:
            stream.write(
                json.dumps({"when": datetime.now(UTC).isoformat(timespec="seconds")} | entry) + "\n"
            )


def _entries(lines: "Sequence[Line]") -> Iterator[dict[str, Any]]:
    for name, system in dict.fromkeys((line.set, line.system) for line in lines):
        own = [line for line in lines if (line.set, line.system) == (name, system)]
        values = {f"{line.metric} ({line.rows})": round(line.scored.value, 4) for line in own}
        yield {"set": name, "system": system, "cells": list(own[0].cells), "test": values}


def _key(entry: dict[str, Any]) -> str:
    return json.dumps([entry.get(k) for k in ("set", "system", "cells", "test")], sort_keys=True)


def _record(config: "BenchmarkConfig", rows: Sequence[dict[str, Any]], out: Path) -> Any:
    import re

    from sahelclf.tracking.runs import Record
    from sahelclf.versions import installed_versions

    metrics = {
        re.sub(
            r"[^\w.\-/]", "_", f"{r['part']}/{r['set']}/{r['system']}/{r['metric']}/{r['rows']}"
        ): r["value"]
        for r in rows
    }
    names = (f"{_name(config)}.json", f"{_name(config)}.md")
    return Record(
        params={"suite": config.benchmark.name, "part": config.part, "seeds": str(config.seeds)},
        tags={"folder": str(out)},
        metrics=metrics,
        inputs=[],
        texts={name: (out / name).read_text(encoding="utf-8") for name in names}
        | {
            "config.json": json.dumps(config.model_dump(mode="json"), indent=1) + "\n",
            "versions.json": json.dumps(installed_versions(), indent=1) + "\n",
        },
        tables={},
        figures={},
    )
