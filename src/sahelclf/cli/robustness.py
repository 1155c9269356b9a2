"""`robustness`: unseen countries, times and outlets, and exchanged names; one table on the terminal, as CSV, JSON and in MLflow."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import result, say
from sahelclf.errors import RequestError
from sahelclf.reports.text import table

if TYPE_CHECKING:
    from sahelclf.config import TrainConfig
    from sahelclf.studies.robustness.run import Robustness

HELP = """usage: python -m sahelclf robustness [group=choice] [key=value …]

How a model fares where the text comes from elsewhere, beside the cross-fitted score of the same model on the same passages:
one country held out at a time, the past trained on and the future scored (two cuts), outlets that were never seen; and how
many of its labels change when names in the text are exchanged (swaps.yaml of the corpus).
Only development documents take part: the test part of 'grouped' is left alone. The number of fits is said beforehand.

  model=tfidf            as for train, with its settings: model.C=8
  corpus=FOLDER          a corpus of the form of annotations/
  seed=0  crossfit=5     as for train
  out=FOLDER             where robustness.csv, .json and .md go (default robustness/<model>-<run id>)

The table goes to standard error, the folder is the last line of standard output; an MLflow run of kind 'robustness' holds both.
"""
HEADER = [
    "test",
    "held out",
    "passages",
    "documents",
    "trained on",
    "score",
    "value",
    "reference",
    "difference",
]
COUNTS = ["passages", "documents", "trained_on", "reference_trained_on", "changed", "of"]
NUMBERS = ["value", "low", "high", "reference", "difference", "difference_low", "difference_high"]
COLUMNS = ["test", "held_out", *COUNTS[:4], "score", *NUMBERS, *COUNTS[4:]]


def run(args: list[str]) -> int:
    """Plan, say what it takes, fit, and write the table everywhere."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    config = _composed(args)
    from sahelclf.files import out_folder
    from sahelclf.studies.robustness import run as robustness
    from sahelclf.tracking import runs
    from sahelclf.workflows.progress import followed

    out = out_folder(config.out)
    plan = robustness.make_plan(config)
    for note in plan.notes:
        say(f"note: {note}")
    say(
        f"{sum(plan.fits.values())} fits of {config.model.kind}: "
        + ", ".join(f"{name} {n}" for name, n in plan.fits.items())
        + "; swaps need none of their own\n"
    )
    with runs.open_run(
        f"robustness {config.model.kind}, seed {config.seed}", tags={"sahelclf.kind": "robustness"}
    ) as run_id:
        with followed(run_id) as on_step:
            found = robustness.run(plan, on_step)
        target = out or Path("robustness") / f"{config.model.kind}-{run_id}"
        _write(found, target)
        runs.log_record(run_id, _record(found, target))
    say(table([HEADER, *shown_rows(found)]))
    say(f"\nrun {run_id}; {target} holds the same with each topic's scores")
    result(str(target))
    return 0


def _composed(args: list[str]) -> "TrainConfig":
    from sahelclf.cli.train import complaints_of_hydra
    from sahelclf.training.compose import compose_config

    strangers = [a for a in args if a.startswith("-")]
    if strangers:
        raise RequestError(
            f"robustness: unknown option {strangers[0]!r}; expected key=value; see python -m sahelclf robustness --help"
        )
    with complaints_of_hydra("robustness"):
        return compose_config(args)


def table_rows(found: "Robustness") -> list[dict[str, Any]]:
    """One row a score and held-out part, and one a kind of swap and of decision; bounds are 95% intervals."""
    rows: list[dict[str, Any]] = []
    for t in found.trials:
        about = {
            "test": t.trial,
            "held_out": t.held,
            "passages": t.n_passages,
            "documents": t.n_documents,
        }
        about |= {"trained_on": t.trained_on, "reference_trained_on": t.reference_trained_on}
        for s in t.scores:
            numbers = {
                "value": s.value,
                "low": s.interval[0],
                "high": s.interval[1],
                "reference": s.reference,
            }
            moved = {
                "difference": s.difference,
                "difference_low": s.difference_interval[0],
                "difference_high": s.difference_interval[1],
            }
            rows.append(about | {"score": s.score} | numbers | moved)
    for swap in found.swaps:
        about = {
            "test": "swap",
            "held_out": swap.kind,
            "passages": swap.n_passages,
            "documents": swap.n_documents,
        }
        for c in swap.changed:
            numbers = {"value": c.share, "low": c.interval[0], "high": c.interval[1]}
            rows.append(
                about
                | {"score": f"{c.what} changed"}
                | numbers
                | {"changed": c.changed, "of": c.of}
            )
    return rows


def shown_rows(found: "Robustness") -> list[list[str]]:
    """The table for a reader: the headline scores of every part, and every swap."""
    shown = []
    previous: Any = None
    for row in table_rows(found):
        if row["score"].startswith("topic/") and row["score"].endswith("/f1"):
            continue
        key = (row["test"], row["held_out"])
        sizes = [str(row["passages"]), str(row["documents"]), str(row.get("trained_on", ""))]
        about = ["", "", "", "", ""] if key == previous else [*key, *sizes]
        previous = key
        value = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        if "difference" in row:
            beside = [
                f"{row['reference']:.3f}",
                f"{row['difference']:+.3f} [{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]",
            ]
        else:
            beside = ["", f"{row['changed']} of {row['of']}"]
        shown.append([*about, row["score"], value, *beside])
    return shown


def as_frame(found: "Robustness") -> Any:
    """The rows as a frame, always of the same columns; counts stay whole numbers where a row has none."""
    import pandas as pd

    return pd.DataFrame(table_rows(found), columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))


def _write(found: "Robustness", target: Path) -> None:
    from sahelclf.files import written_aside
    from sahelclf.studies.robustness.run import as_dict

    with written_aside(target) as folder:
        as_frame(found).to_csv(folder / "robustness.csv", index=False)
        (folder / "robustness.json").write_text(
            json.dumps(as_dict(found), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        notes = "".join(f"- {n}\n" for n in found.plan.notes)
        (folder / "robustness.md").write_text(
            f"{table([HEADER, *shown_rows(found)], 'github')}\n\n{notes}", encoding="utf-8"
        )


def _record(found: "Robustness", target: Path) -> Any:
    import re

    from sahelclf.studies.robustness.run import as_dict
    from sahelclf.tracking.runs import Record
    from sahelclf.versions import installed_versions

    plan = found.plan
    config = plan.config
    metrics = {}
    for row in table_rows(found):
        name = f"{row['test']}/{row['held_out']}/{row['score']}".replace(" ", "_")
        name = re.sub(r"[^\w.\-/]", "_", name)  # what MLflow takes in a metric's name
        metrics[name] = row["value"]
        if "difference" in row:
            metrics[f"{name}/difference"] = row["difference"]
    return Record(
        params={
            "model": config.model.kind,
            "seed": config.seed,
            "split": config.split,
            "crossfit": config.crossfit,
            "corpus": plan.corpus.root.name,
        },
        tags={
            "corpus_sha256": plan.corpus.sha256,
            "codebook": plan.corpus.codebook.version,
            "folder": str(target),
        },
        metrics=metrics,
        inputs=[],
        texts={
            "robustness.json": json.dumps(as_dict(found), ensure_ascii=False, indent=1) + "\n",
            "robustness.md": (target / "robustness.md").read_text(encoding="utf-8"),
            "config.json": json.dumps(config.model_dump(mode="json"), indent=1) + "\n",
            "versions.json": json.dumps(installed_versions(), indent=1) + "\n",
            "notes.txt": "\n".join(plan.notes) + "\n",
        },
        tables={"robustness.csv": as_frame(found)},
        figures={},
    )
