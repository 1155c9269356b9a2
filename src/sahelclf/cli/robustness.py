"""`robustness`: read the request, run the tests of a model, and print the table."""

from sahelclf.cli.console import progress, result, say, table

HELP = """usage: python -m sahelclf robustness [group=choice] [key=value …]

Test a model on texts from elsewhere, and compare it with the cross-fitted score of the same model
on the same passages. Held out are one country at a time, the time after a cut (two cuts), and
outlets that were never seen. Then names in the texts are swapped (swaps.yaml of the corpus), and
the labels that change are counted. Only development documents are used, never the test part of
'grouped'. The number of fits is printed first.

  model=tfidf            as for train, with its settings: model.C=8
  corpus=FOLDER          a corpus of the form of annotations/
  seed=0  crossfit=5     as for train
  out=FOLDER             where robustness.csv, .json and .md go
                         (default robustness/<model>-<run id>)

The table goes to standard error. The last line of standard output is the folder. An MLflow run of
kind 'robustness' holds both.

examples:
  python -m sahelclf robustness
  python -m sahelclf robustness model=keywords corpus=my-corpus out=shift
"""


def run(args: list[str]) -> int:
    """Run the tests and print the table."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    from sahelclf.cli.hydra import composed
    from sahelclf.training.compose import compose_config

    config = composed("robustness", args, compose_config)
    from sahelclf.studies.robustness.table import HEADER, shown_rows
    from sahelclf.workflows.robustness import robustness

    with progress() as show:
        done = robustness(config, show)
    say()
    table([HEADER, *shown_rows(done.results)])
    say(f"\nrun {done.run_id}; {done.folder} holds the same with the scores of each topic")
    result(str(done.folder))
    return 0
