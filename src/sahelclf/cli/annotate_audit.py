"""`annotate audit --corpus FOLDER -o BATCH`: doubtful labels, as a batch to look at again."""

from typing import TYPE_CHECKING

from sahelclf.cli.console import names_of, parser, result, say, table

if TYPE_CHECKING:
    import argparse

EPILOG = """examples:
  python -m sahelclf annotate audit --corpus my-corpus --n 40 -o audit-1
  python -m sahelclf annotate import audit-1 audit-1/answers-*.jsonl --corpus my-corpus

A model is trained on the corpus in folds. The units whose labels it most confidently contradicts,
by models that did not see them, go into a batch for the annotators who labelled them; they see
neither their answers nor the model's. What comes back is a new round, which decides where two
annotators or more have labelled the unit again. Agreement stays that of the first round. The model
is often wrong: expect that many labels stay as they are.
"""


def run(args: list[str]) -> int:
    """Write the batch, and show how many answers the model contradicts."""
    options = _parser().parse_args(args)

    from sahelclf.annotation.audit import by_annotator
    from sahelclf.predict.intake import number_of
    from sahelclf.workflows.audit import annotate_audit

    done = annotate_audit(
        options.corpus,
        options.out,
        n=options.n,
        tools=names_of(options.to),
        model=options.model,
        seed=options.seed,
    )
    rows = [["annotator", "topic", "contradicted", "answers", "share"]]
    for name, topic, n, of in by_annotator(done.doubts):
        rows.append([name, topic, f"{n:,}", f"{of:,}", f"{n / of:.1%}"])
    table(rows)
    units = number_of(len(done.batch.units), "unit")
    say(f"{units} to look at again, as round {done.batch.info.strategy['round']}")
    result(options.out)
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser("annotate audit", "Doubtful labels, as a batch to look at again.", EPILOG)
    p.add_argument("--corpus", metavar="FOLDER", required=True)
    p.add_argument("-o", "--out", metavar="BATCH", required=True, help="a new folder")
    p.add_argument("--n", type=int, default=50, help="units, at most (default: 50)")
    p.add_argument("--to", default="page,sheet", metavar="TOOL,…", help="default: page,sheet")
    model = "kind of model, trained in folds (default: tfidf)"
    p.add_argument("--model", default="tfidf", metavar="NAME", help=model)
    p.add_argument("--seed", type=int, default=0)
    return p
