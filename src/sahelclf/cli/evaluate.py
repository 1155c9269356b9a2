"""`evaluate MODEL|PREDICTIONS … --split PART`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sahelclf.cli.console import json_result, parser, say, table

if TYPE_CHECKING:
    from sahelclf.workflows.evaluate import Evaluation

NO_SETTING = {"seed", "out", "parent_run_id"}
EPILOG = """MODEL is a bundle folder, runs:/… or models:/…; PREDICTIONS is a flat table (.csv,
.parquet, .jsonl) of any system, with a column id of the corpus's units and <topic>_holds,
<topic>_stance (and probabilities where there are any). --corpus takes a corpus folder, or one
.jsonl file of labelled passages (id, document_id, index, text, topics).

examples:
  python -m sahelclf evaluate bundles/tfidf-… --split test
  python -m sahelclf evaluate llm.csv --split test > scores.json

Scores are a table on a terminal; in a pipe they are JSON on standard output, one line a model, and
the tables go to standard error. Of bundles that differ in seed alone, the mean and the standard
deviation are the last line. --gold takes a coded sheet that was drawn from a collection of your
own: scores are those on that collection, weighted by the sampling probability of each row.

A bundle's test scores and its predictions table are added to its own MLflow run as test/…, and
every evaluation is noted in experiments/ledger.jsonl of the working folder.
"""


def run(args: list[str]) -> int:
    """Score each MODEL or PREDICTIONS."""
    p = parser("evaluate", "Score bundles, or any system's predictions, against a corpus.", EPILOG)
    p.add_argument("models", nargs="+", metavar="MODEL|PREDICTIONS")
    p.add_argument("--corpus", metavar="FOLDER|FILE", help="default: the packaged corpus")
    p.add_argument("--split", metavar="PART", help="a part of the split (test, …), or 'all'")
    p.add_argument("--gold", metavar="SHEET", help="a coded sheet of a collection of your own")
    p.add_argument("--of", metavar="SPLIT", help="default: the bundle's own split, else grouped")
    options = p.parse_args(args)
    from sahelclf.workflows.evaluate import score

    evaluations, settings = [], []
    for model in options.models:
        one = score(model, options.split, options.corpus, options.of, options.gold)
        _show(model, one)
        one.record()
        evaluations.append(one)
        config = one.labeller.manifest["config"] if one.labeller else {"table": model}
        settings.append({k: v for k, v in config.items() if k not in NO_SETTING})
    if len(evaluations) > 1 and all(s == settings[0] for s in settings):
        _show_mean(evaluations)
    return 0


def _show(model: str, evaluation: "Evaluation") -> None:
    """Tables, and JSON where standard output is no terminal."""
    from sahelclf.evaluation.warnings import explained
    from sahelclf.reports.tables import label_table, score_table

    say(model, "bold")
    for level, r in evaluation.reports.items():
        say(f"{r.n_units:,} {level} of {r.n_documents} documents")
    first = next(iter(evaluation.reports.values()))
    terminal = sys.stdout.isatty()
    scores = score_table("passages", evaluation.reports, evaluation.agreement, evaluation.names)
    table(scores.shown, to_stdout=terminal)
    say()
    labels = label_table({"": first}, evaluation.names)
    table([row[1:] for row in labels.shown], to_stdout=terminal)
    for level, r in evaluation.reports.items():
        for warning in explained(r.warnings):
            say(f"warning ({level}): {warning}", "yellow")
    for note in evaluation.notes:
        say(f"warning: {note}", "yellow")
    if not terminal:
        json_result(evaluation.as_dict())


def _show_mean(evaluations: "Sequence[Evaluation]") -> None:
    """Mean and standard deviation of the headline scores over seeds."""
    import numpy as np

    mean: dict[str, dict[str, float]] = {}
    sd: dict[str, dict[str, float]] = {}
    for level, scores in evaluations[0].headline.items():
        values = {name: [e.headline[level][name] for e in evaluations] for name in scores}
        mean[level] = {name: round(float(np.mean(v)), 4) for name, v in values.items()}
        sd[level] = {name: round(float(np.std(v, ddof=1)), 4) for name, v in values.items()}
        figures = ", ".join(
            f"{name} {mean[level][name]:.3f} ± {sd[level][name]:.3f}" for name in scores
        )
        say(f"{level}, mean ± sd over {len(evaluations)} seeds: {figures}")
    if not sys.stdout.isatty():
        models = [e.about["model"] for e in evaluations]
        json_result({"models": models, "mean": mean, "sd": sd})
